/** A `hosts.toml` that cannot be read as one. */
export class InvalidHostsFileError extends Error {
  override readonly name = "InvalidHostsFileError";
  readonly code = "INVALID_HOSTS_FILE";
  constructor(file: string, problem: string, options?: ErrorOptions) {
    super(`${file}: ${problem}. Correct the file; until then it is left aside`, options);
  }
}

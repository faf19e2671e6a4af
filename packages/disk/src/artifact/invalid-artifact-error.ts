/** A manifest that is no streaming artifact of this format, or not one of the image in question. docs/format.md §6 */
export class InvalidArtifactError extends Error {
  override readonly name = "InvalidArtifactError";
  /** UNKNOWN_VERSION: another version of this program may read it. */
  readonly code: "ARTIFACT_INVALID" | "UNKNOWN_VERSION";
  constructor(problem: string, code: InvalidArtifactError["code"] = "ARTIFACT_INVALID") {
    super(problem);
    this.code = code;
  }
}

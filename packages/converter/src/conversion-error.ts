/** Why an image is not converted. Clients know these words; requirements AS36 to AS38. */
export type ConversionErrorCode =
  | "UNKNOWN_ERROR"
  | "RESOURCE_NOT_FOUND"
  | "UNSUPPORTED_PLATFORM"
  | "NO_SUPPORTED_PLATFORM_FOUND"
  | "UNSUPPORTED_MEDIATYPE"
  | "UNSUPPORTED_ARTIFACT_TYPE"
  | "IMAGE_NOT_RUNNABLE";

/** The image cannot be converted as it is. Nothing was pushed. */
export class ConversionError extends Error {
  override readonly name = "ConversionError";
  readonly code: ConversionErrorCode;
  /** As the user gave it. */
  readonly image: string;
  constructor(code: ConversionErrorCode, image: string, problem: string, options?: ErrorOptions) {
    super(`${image}: ${problem}`, options);
    this.code = code;
    this.image = image;
  }
}

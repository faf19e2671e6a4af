export * from "./content.js";
export { type Descriptor, emptyBlob, emptyDescriptor, type Platform } from "./descriptor.js";
export { InvalidDocumentError } from "./documents/json-document.js";
export {
  type ContainerConfig,
  type HistoryEntry,
  type ImageConfig,
  maxImageConfigBytes,
  parseImageConfig,
} from "./image-config.js";
export { ImageLayout } from "./layout/image-layout.js";
export {
  artifactTypeOf,
  createImageIndex,
  createImageManifest,
  descriptorOfManifest,
  type ImageIndex,
  type ImageManifest,
  type Manifest,
  maxManifestBytes,
  type NewImageManifest,
  parseContentManifest,
  parseManifest,
  referrerDescriptor,
} from "./manifest.js";
export {
  acceptedManifests,
  compressionOfLayer,
  dockerMediaTypes,
  isImageIndexType,
  isImageManifestType,
  type LayerCompression,
  ociMediaTypes,
  sluiceMediaTypes,
  UnsupportedMediaTypeError,
} from "./media-types.js";
export {
  formatReference,
  InvalidReferenceError,
  isRepositoryName,
  isTag,
  type LayoutReference,
  parseReference,
  type Reference,
  type ReferenceOptions,
  type RegistryReference,
  targetOf,
} from "./reference.js";
export { AddressRefusedError, type AddressRule, addressRule, checkLiteral } from "./registry/addresses.js";
export { defaultRetry, defaultTimeouts, type RetryConfig, type TimeoutConfig } from "./registry/config.js";
export {
  anonymous,
  type CredentialSearch,
  type CredentialSource,
  type Credentials,
  firstOf,
  fixedCredentials,
} from "./registry/credentials.js";
export { type DockerConfigOptions, dockerConfigCredentials } from "./registry/docker-config.js";
export { DocumentSender } from "./registry/document-sender.js";
export { isLoopback, type PlainHttp } from "./registry/endpoint.js";
export {
  DeniedError,
  RangeIgnoredError,
  RateLimitedError,
  RedirectRefusedError,
  RegistryError,
  type RegistryErrorEntry,
  type RegistryErrorFacts,
  RegistryNotFoundError,
  RegistryTimeoutError,
  RegistryUnavailableError,
  RegistryUnreachableError,
  ShortBodyError,
  UnauthorizedError,
  UnexpectedReplyError,
} from "./registry/errors.js";
export { type HostRouting, type HostRoutingOptions, hostRouting } from "./registry/hosts/host-routing.js";
export type { RequestKind, RequestMeter, RequestReport } from "./registry/metering.js";
export { redactUrl } from "./registry/redact.js";
export { maxReferrers } from "./registry/referrers.js";
export { RegistryClient, type RegistryClientOptions } from "./registry/registry-client.js";
export { secretFileCredentials } from "./registry/secret-files.js";
export { type HttpResponse, HttpTransport } from "./registry/transport.js";
export { isNotFound, NotFoundError } from "./repository/errors.js";
export { openRepository } from "./repository/open-repository.js";
export type {
  BlobContent,
  BlobName,
  PushedManifest,
  PushManifestOptions,
  ReadRangeOptions,
  ReferrersOptions,
  Repository,
  SubjectListing,
} from "./repository/repository.js";

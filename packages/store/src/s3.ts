// Blobs in an S3 bucket: apart from the rest, because its client takes long to load.

export { S3BlobStore } from "./blob/s3/s3-blob-store.js";
export { S3Bucket, type S3Options } from "./blob/s3/s3-bucket.js";
export { S3UploadStore } from "./blob/s3/s3-upload-store.js";

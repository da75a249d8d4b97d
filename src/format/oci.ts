// OCI image documents (image-spec v1.1) and Docker's schema 2 twins of them: types, checks, media types, platforms.

export * from "./oci/documents.ts";
export * from "./oci/media-types.ts";
export * from "./oci/platform.ts";

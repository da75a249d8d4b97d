// Image references as skopeo spells them: containers-transports(5), and for names in registries the grammar of
// distribution/reference (reference.go) with Docker's defaults (normalize.go).

import { Oci2cfsError } from "../errors.ts";
import { isOciDigest, type OciDigest } from "./digest.ts";

export interface DockerReference {
  readonly transport: "docker";
  /** `docker.io`, `localhost:5000`, … */
  readonly host: string;
  /** `library/debian`: without host, tag and digest. */
  readonly repository: string;
  /** Given, or `latest` when there is no digest either. A digest decides when both are there. */
  readonly tag?: string;
  readonly digest?: OciDigest;
}

/** An OCI layout: a directory, or a tar of one. With none of tag, index and digest: the only image in it. */
export interface LayoutReference {
  readonly transport: "oci" | "oci-archive";
  /** Has no colon. */
  readonly path: string;
  /** The annotation org.opencontainers.image.ref.name. */
  readonly tag?: string;
  /** Position in index.json, from 0. */
  readonly index?: number;
  /** Of an index or manifest. */
  readonly digest?: OciDigest;
}

/** What `docker save` writes. */
export interface DockerArchiveReference {
  readonly transport: "docker-archive";
  /** Has no colon. */
  readonly path: string;
  /** The image's name with host and tag: `docker.io/library/debian:12`. */
  readonly name?: string;
  /** Position in manifest.json, from 0. */
  readonly index?: number;
}

export interface DirectoryReference {
  readonly transport: "dir";
  readonly path: string;
}

/** An image in a local containers storage; `[[driver@]root[+run-root]]{name|id}` is for storage tools to read. */
export interface StorageReference {
  readonly transport: "containers-storage";
  readonly reference: string;
}

export type ImageReference =
  | DockerReference
  | LayoutReference
  | DockerArchiveReference
  | DirectoryReference
  | StorageReference;

const TRANSPORTS_HINT =
  "references are docker://NAME[:TAG], oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME], dir:DIR or containers-storage:NAME";

/** Longer than any path or name that Linux takes. */
const MAX_LENGTH = 8192;

/** Transports of containers/image that we know and do not read. */
const foreign: ReadonlySet<string> = new Set(["docker-daemon", "ostree", "sif", "tarball"]);

/**
 * A text without a transport is a name in a registry.
 * @throws Oci2cfsError `usage` with a hint, `unsupported` for other transports of skopeo.
 */
export function parseReference(text: string): ImageReference {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this refuses
  if (text === "" || text.length > MAX_LENGTH || /[\0-\x1f\x7f]/.test(text)) throw invalid(text, "");
  const colon = text.indexOf(":");
  const transport = text.slice(0, Math.max(colon, 0));
  const details = text.slice(colon + 1);
  switch (transport) {
    case "docker":
      if (!details.startsWith("//")) throw invalid(text, "docker: wants //", `did you mean docker://${details}`);
      return parseName(details.slice(2), text);
    case "registry":
      return parseName(details.replace(/^\/\//, ""), text);
    case "oci":
    case "oci-archive":
      return parseLayoutReference(transport, details, text);
    case "docker-archive":
      return parseDockerArchive(details, text);
    case "dir":
      if (details === "") throw invalid(text, "a directory is missing");
      return { transport, path: details };
    case "containers-storage":
      if (details === "") throw invalid(text, "a name is missing");
      return { transport, reference: details };
    case "http":
    case "https":
      throw invalid(text, "a URL is no reference", `did you mean docker:${details}`);
  }
  if (foreign.has(transport))
    throw new Oci2cfsError("unsupported", `transport ${transport}`, { hint: TRANSPORTS_HINT });
  if (/^[./~]/.test(text)) throw invalid(text, "a path needs its transport", `did you mean oci:${text}`);
  return parseName(text, text);
}

/** The canonical text: `parseReference` gives the same reference for it. */
export function formatReference(reference: ImageReference): string {
  switch (reference.transport) {
    case "docker":
      return `docker://${formatName(reference)}`;
    case "oci":
    case "oci-archive": {
      const { transport, path, tag, index, digest } = reference;
      const image = tag === undefined ? (index === undefined ? "" : `:@${index}`) : `:${tag}`;
      return `${transport}:${path}${image}${digest === undefined ? "" : `@${digest}`}`;
    }
    case "docker-archive": {
      const { path, name, index } = reference;
      return `docker-archive:${path}${name === undefined ? (index === undefined ? "" : `:@${index}`) : `:${name}`}`;
    }
    case "dir":
      return `dir:${reference.path}`;
    case "containers-storage":
      return `containers-storage:${reference.reference}`;
  }
}

/** `host/repository[:tag][@digest]`, as registries and policies name an image. */
export function formatName(reference: DockerReference): string {
  const { host, repository, tag, digest } = reference;
  return `${host}/${repository}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}

// distribution/reference regexp.go. Each repetition begins with its own separator, so no text takes long to refuse.
const HOST = String.raw`(?:[a-zA-Z0-9]+(?:-+[a-zA-Z0-9]+)*(?:\.[a-zA-Z0-9]+(?:-+[a-zA-Z0-9]+)*)*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?`;
const COMPONENT = `[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*`;
const hostPattern = new RegExp(`^${HOST}$`);
const repositoryPattern = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const tagPattern = /^\w[\w.-]{0,127}$/;
const MAX_REPOSITORY_LENGTH = 255;

function parseName(name: string, text: string): DockerReference {
  const at = name.indexOf("@");
  const digest = at < 0 ? undefined : name.slice(at + 1);
  if (digest !== undefined && !isOciDigest(digest)) throw invalid(text, "its digest is not sha256:… or sha512:…");
  const named = at < 0 ? name : name.slice(0, at);
  const colon = named.indexOf(":", named.lastIndexOf("/") + 1);
  const tag = colon < 0 ? undefined : named.slice(colon + 1);
  if (tag !== undefined && !tagPattern.test(tag)) throw invalid(text, "its tag is not valid");
  const { host, repository } = splitHost(colon < 0 ? named : named.slice(0, colon));
  if (!hostPattern.test(host)) throw invalid(text, "its registry is not valid");
  if (repository !== repository.toLowerCase()) throw invalid(text, "a repository is in lower case");
  if (!repositoryPattern.test(repository) || repository.length > MAX_REPOSITORY_LENGTH) throw invalid(text, "");
  if (/^[0-9a-f]{64}$/.test(named)) throw invalid(text, "an image ID is no name");
  return {
    transport: "docker",
    host,
    repository,
    ...(tag === undefined ? (digest === undefined ? { tag: "latest" } : {}) : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

const DEFAULT_HOST = "docker.io";

/** What stands before the first slash is a registry when it cannot be a part of a name on Docker Hub. */
function splitHost(name: string): { host: string; repository: string } {
  const slash = name.indexOf("/");
  const first = name.slice(0, Math.max(slash, 0));
  const isHost = /[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase();
  const host = !isHost || first === "index.docker.io" ? DEFAULT_HOST : first;
  const repository = isHost ? name.slice(slash + 1) : name;
  return {
    host,
    repository: host === DEFAULT_HOST && !repository.includes("/") ? `library/${repository}` : repository,
  };
}

/** containers/image oci/internal: what may stand in org.opencontainers.image.ref.name. */
const refNamePattern =
  /^[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*(?:\/[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*)*$/;
const trailingDigest = /^(.*)@((?:sha256|sha512):[0-9a-f]+)$/s;
const indexPattern = /^@(0|[1-9][0-9]{0,8})$/;

/** `PATH[:TAG|:@INDEX]`, split at the first colon as containers/image does, and with `@DIGEST` behind it, which is ours. */
function parseLayoutReference(transport: "oci" | "oci-archive", details: string, text: string): LayoutReference {
  const [, before = details, digest] = trailingDigest.exec(details) ?? [];
  if (digest !== undefined && !isOciDigest(digest)) throw invalid(text, "its digest has a wrong length");
  const { path, image } = splitPath(before, text);
  const index = indexPattern.exec(image)?.[1];
  if (image !== "" && index === undefined && !refNamePattern.test(image)) throw invalid(text, "its tag is not valid");
  return {
    transport,
    path,
    ...(image === "" ? {} : index === undefined ? { tag: image } : { index: Number(index) }),
    ...(digest === undefined ? {} : { digest }),
  };
}

function parseDockerArchive(details: string, text: string): DockerArchiveReference {
  const { path, image } = splitPath(details, text);
  if (image === "") return { transport: "docker-archive", path };
  const index = indexPattern.exec(image)?.[1];
  if (index !== undefined) return { transport: "docker-archive", path, index: Number(index) };
  const name = parseName(image, text);
  if (name.digest !== undefined) throw invalid(text, "an image in an archive has no digest");
  return { transport: "docker-archive", path, name: formatName(name) };
}

function splitPath(details: string, text: string): { path: string; image: string } {
  const colon = details.indexOf(":");
  const path = colon < 0 ? details : details.slice(0, colon);
  if (path === "") throw invalid(text, "a path is missing");
  return { path, image: colon < 0 ? "" : details.slice(colon + 1) };
}

function invalid(text: string, reason: string, hint: string = TRANSPORTS_HINT): Oci2cfsError {
  const shown = JSON.stringify(text.length > 160 ? `${text.slice(0, 160)}…` : text);
  return new Oci2cfsError("usage", `not an image reference: ${shown}${reason === "" ? "" : `: ${reason}`}`, { hint });
}

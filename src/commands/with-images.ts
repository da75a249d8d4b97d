// Opening the repository for a verb and closing it again, whatever happens in between.

import type { OciImages } from "../store/oci-images.ts";
import type { Repository } from "../store/repository.ts";
import { type GlobalOptions, repositoryPath } from "./session.ts";

export async function withImages<T>(
  options: GlobalOptions,
  mode: "read" | "write",
  work: (open: { repository: Repository; images: OciImages }) => T | Promise<T>,
): Promise<T> {
  const [{ openRepository }, { OciImages }] = await Promise.all([
    import("../store/repository.ts"),
    import("../store/oci-images.ts"),
  ]);
  const repository = openRepository({ path: repositoryPath(options), mode });
  try {
    return await work({ repository, images: new OciImages(repository) });
  } finally {
    repository.close();
  }
}

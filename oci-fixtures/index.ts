// All fixtures, the ones that must be refused last.

import { aufsNames } from "./cases/aufs-names.ts";
import { bootable } from "./cases/bootable.ts";
import { byteNames } from "./cases/byte-names.ts";
import { composefsRsPin } from "./cases/composefs-rs-pin.ts";
import { compressions } from "./cases/compressions.ts";
import { demo } from "./cases/demo.ts";
import { devices } from "./cases/devices.ts";
import { dockerTypes } from "./cases/docker-types.ts";
import { duplicateEntries } from "./cases/duplicate-entries.ts";
import { emptyLayers } from "./cases/empty-layers.ts";
import { entryThenWhiteout } from "./cases/entry-then-whiteout.ts";
import { entryTypes } from "./cases/entry-types.ts";
import { fileSizes } from "./cases/file-sizes.ts";
import { globalPaxHeader } from "./cases/global-pax-header.ts";
import { hardlinkOrder } from "./cases/hardlink-order.ts";
import { hardlinksAcrossLayers } from "./cases/hardlinks-across-layers.ts";
import { hostileBadChecksum } from "./cases/hostile/hostile-bad-checksum.ts";
import { hostileBadMtime } from "./cases/hostile/hostile-bad-mtime.ts";
import { hostileBadPax } from "./cases/hostile/hostile-bad-pax.ts";
import { hostileDeepPath } from "./cases/hostile/hostile-deep-path.ts";
import { hostileDotdotPath } from "./cases/hostile/hostile-dotdot-path.ts";
import { hostileEmptySymlink } from "./cases/hostile/hostile-empty-symlink.ts";
import { hostileEncryptedLayer } from "./cases/hostile/hostile-encrypted-layer.ts";
import { hostileFileAsParent } from "./cases/hostile/hostile-file-as-parent.ts";
import { hostileGzipTrailer } from "./cases/hostile/hostile-gzip-trailer.ts";
import { hostileHardlinkMissing } from "./cases/hostile/hostile-hardlink-missing.ts";
import { hostileHardlinkOutside } from "./cases/hostile/hostile-hardlink-outside.ts";
import { hostileHardlinkToDirectory } from "./cases/hostile/hostile-hardlink-to-directory.ts";
import { hostileHardlinkToItself } from "./cases/hostile/hostile-hardlink-to-itself.ts";
import { hostileHardlinkToWhiteout } from "./cases/hostile/hostile-hardlink-to-whiteout.ts";
import { hostileHugeExtension } from "./cases/hostile/hostile-huge-extension.ts";
import { hostileHugeSize } from "./cases/hostile/hostile-huge-size.ts";
import { hostileLayerCount } from "./cases/hostile/hostile-layer-count.ts";
import { hostileLayerType } from "./cases/hostile/hostile-layer-type.ts";
import { hostileLoneZeroBlock } from "./cases/hostile/hostile-lone-zero-block.ts";
import { hostileName256 } from "./cases/hostile/hostile-name-256.ts";
import { hostileNegativeSize } from "./cases/hostile/hostile-negative-size.ts";
import { hostileNotCompressed } from "./cases/hostile/hostile-not-compressed.ts";
import { hostileNulXattr } from "./cases/hostile/hostile-nul-xattr.ts";
import { hostileRootAsFile } from "./cases/hostile/hostile-root-as-file.ts";
import { hostileShortBlob } from "./cases/hostile/hostile-short-blob.ts";
import { hostileSparseHuge } from "./cases/hostile/hostile-sparse-huge.ts";
import { hostileSparseOverlap } from "./cases/hostile/hostile-sparse-overlap.ts";
import { hostileSymlink4096 } from "./cases/hostile/hostile-symlink-4096.ts";
import { hostileSymlinkLoop } from "./cases/hostile/hostile-symlink-loop.ts";
import { hostileTruncatedGzip } from "./cases/hostile/hostile-truncated-gzip.ts";
import { hostileTruncatedTar } from "./cases/hostile/hostile-truncated-tar.ts";
import { hostileTruncatedZstd } from "./cases/hostile/hostile-truncated-zstd.ts";
import { hostileUnknownType } from "./cases/hostile/hostile-unknown-type.ts";
import { hostileWhiteoutDotdot } from "./cases/hostile/hostile-whiteout-dotdot.ts";
import { hostileWrongBlob } from "./cases/hostile/hostile-wrong-blob.ts";
import { hostileWrongDiffId } from "./cases/hostile/hostile-wrong-diff-id.ts";
import { hostileXattr65537 } from "./cases/hostile/hostile-xattr-65537.ts";
import { impliedParents } from "./cases/implied-parents.ts";
import { longNames } from "./cases/long-names.ts";
import { modes } from "./cases/modes.ts";
import { noUsr } from "./cases/no-usr.ts";
import { oldTypes } from "./cases/old-types.ts";
import { opaqueFirst } from "./cases/opaque-first.ts";
import { opaqueLast } from "./cases/opaque-last.ts";
import { opaqueNested } from "./cases/opaque-nested.ts";
import { overlayWhiteouts } from "./cases/overlay-whiteouts.ts";
import { pathSpellings } from "./cases/path-spellings.ts";
import { replacedTypes } from "./cases/replaced-types.ts";
import { rootAndRun } from "./cases/root-and-run.ts";
import { sparseGnu } from "./cases/sparse-gnu.ts";
import { sparsePax } from "./cases/sparse-pax.ts";
import { stubNames } from "./cases/stub-names.ts";
import { symlinkedParents } from "./cases/symlinked-parents.ts";
import { timesAndOwners } from "./cases/times-and-owners.ts";
import { timesBefore1970 } from "./cases/times-before-1970.ts";
import { whiteouts } from "./cases/whiteout.ts";
import { whiteoutNowhere } from "./cases/whiteout-nowhere.ts";
import { whiteoutThenEntry } from "./cases/whiteout-then-entry.ts";
import { wideDirectory } from "./cases/wide-directory.ts";
import { xattrs } from "./cases/xattrs.ts";
import { xattrsLibarchive } from "./cases/xattrs-libarchive.ts";
import { xattrsUnseen } from "./cases/xattrs-unseen.ts";
import type { FixtureCase } from "./fixture.ts";

export const fixtures: readonly FixtureCase[] = [
  aufsNames,
  bootable,
  byteNames,
  composefsRsPin,
  compressions,
  demo,
  devices,
  dockerTypes,
  duplicateEntries,
  emptyLayers,
  entryThenWhiteout,
  entryTypes,
  fileSizes,
  globalPaxHeader,
  hardlinkOrder,
  hardlinksAcrossLayers,
  impliedParents,
  longNames,
  modes,
  noUsr,
  oldTypes,
  opaqueFirst,
  opaqueLast,
  opaqueNested,
  overlayWhiteouts,
  pathSpellings,
  replacedTypes,
  rootAndRun,
  sparseGnu,
  sparsePax,
  stubNames,
  symlinkedParents,
  timesAndOwners,
  timesBefore1970,
  whiteoutNowhere,
  whiteoutThenEntry,
  whiteouts,
  wideDirectory,
  xattrsLibarchive,
  xattrsUnseen,
  xattrs,
  hostileBadChecksum,
  hostileBadMtime,
  hostileBadPax,
  hostileDeepPath,
  hostileDotdotPath,
  hostileEmptySymlink,
  hostileEncryptedLayer,
  hostileFileAsParent,
  hostileGzipTrailer,
  hostileHardlinkMissing,
  hostileHardlinkOutside,
  hostileHardlinkToDirectory,
  hostileHardlinkToItself,
  hostileHardlinkToWhiteout,
  hostileHugeExtension,
  hostileHugeSize,
  hostileLayerCount,
  hostileLayerType,
  hostileLoneZeroBlock,
  hostileName256,
  hostileNegativeSize,
  hostileNotCompressed,
  hostileNulXattr,
  hostileRootAsFile,
  hostileShortBlob,
  hostileSparseHuge,
  hostileSparseOverlap,
  hostileSymlink4096,
  hostileSymlinkLoop,
  hostileTruncatedGzip,
  hostileTruncatedTar,
  hostileTruncatedZstd,
  hostileUnknownType,
  hostileWhiteoutDotdot,
  hostileWrongBlob,
  hostileWrongDiffId,
  hostileXattr65537,
];

"""From the names of classes to a folder of images and masks.

Nothing counts as present before it is whole: files come as `.part` and are renamed after their check. Killed at any
moment and started again, a fetch goes on with what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from contorno import files, images
from contorno.errors import ConfigError, DataError, DownloadError, WriteError
from contorno.masks import Size
from contorno.openimages import folder as layout
from contorno.openimages.annotations import write_annotations
from contorno.openimages.attribution import CSV_NAME, write_attribution
from contorno.openimages.bucket import Bucket, MetaFiles, Split
from contorno.openimages.folder import FetchReport, Folder, SplitReport
from contorno.openimages.mask_images import MASK_DAMAGED
from contorno.openimages.plans import Plan, SplitPlan
from contorno.openimages.request import Options, Request
from contorno.openimages.selection import plan_request
from contorno.openimages.web import DamagedError, HttpSource, NotFoundError, UnreachableError
from contorno.openimages.zips import fetch_members, local_zips
from contorno.progress import Progress, TrafficProgress, silent

_SPARE_THREADS = 4
_GIVE_UP_AFTER = 20  # failures; if fewer images than that came through, the server is not well


def fetch(
    class_names: Sequence[str],
    *,
    out: Path,
    bucket: Bucket | None = None,
    meta_dir: Path | None = None,
    attribution: bool = False,
    workers: int = 16,
    source: HttpSource | None = None,
    progress: Progress = silent,
    **options: Unpack[Options],
) -> Folder:
    """Fetch images and masks of some classes and write them as a COCO data set, as `Folder` lays it out.

    class_names, options: see `Request`.
    out:         the folder; one that an earlier, even broken, fetch left is completed, and what stands there is not
                 fetched again. The COCO files hold what this call asks for; files of other calls stay beside it.
    bucket:      addresses; None: the real ones.
    meta_dir:    folder of lists, tables and zips fetched before, see `plan`; None: `.meta` in `out`.
    attribution: write author, licence and page of every image to `attribution.csv` and `NOTICE.txt`; this reads the
                 list of all images, 0.6 GB for train.
    workers:     requests at one time; a `source` of the caller's own has its own number of connections.
    Without a network, a folder that this very request has completed is given back as it stands.
    Raises ConfigError as `plan` does and if another process is writing to `out`; DataError; DownloadError if the
    network is out of reach or a zip is corrupt. Single images and masks that cannot be had are counted in the report.
    """
    request = Request.make(class_names, options)
    if workers < 1:
        raise ConfigError(f"workers is {workers}; expected at least 1.")
    out = Path(out)
    with HttpSource(connections=workers) if source is None else nullcontext(source) as client, files.folder_lock(out):
        before = client.bytes_received
        if isinstance(progress, TrafficProgress):
            progress.traffic = lambda: client.bytes_received - before
        meta = MetaFiles(bucket or Bucket(), client, out / ".meta" if meta_dir is None else Path(meta_dir))
        try:
            return _fetch(request, out, meta, attribution, workers, progress)
        finally:
            if isinstance(progress, TrafficProgress):
                progress.traffic = None


def _fetch(request: Request, out: Path, meta: MetaFiles, attribution: bool, workers: int, progress: Progress) -> Folder:
    try:
        chosen = plan_request(request, meta, progress)
    except UnreachableError:
        standing = layout.completed_offline(out, request, meta.bucket)
        if standing is None or (attribution and not (out / CSV_NAME).is_file()):
            raise
        return standing
    folder = layout.completed(out, chosen) or _carry_out(chosen, out, meta, workers, progress)
    if attribution:
        ids = {split: folder.image_ids(split) for split in folder.splits}
        credits = write_attribution(meta, out, ids, progress=progress)
        unlisted = [
            f"{split}: nothing is known of the authors of {len(names)} images, which the list of images lacks"
            for split, names in credits.missing.items()
        ]
        folder = replace(folder, report=replace(folder.report, notes=(*folder.report.notes, *unlisted)))
    return folder


def _carry_out(chosen: Plan, out: Path, meta: MetaFiles, workers: int, progress: Progress) -> Folder:
    source = meta.source
    before = source.bytes_received
    dropped: dict[Split, dict[str, list[str]]] = {part.split: {} for part in chosen.splits}
    empty = Folder(out, tuple(part.split for part in chosen.splits), chosen.class_names, FetchReport(splits={}))
    for part in chosen.splits:
        for folder in (empty.images(part.split), empty.masks(part.split)):
            folder.mkdir(parents=True, exist_ok=True)
    _sweep(empty)
    sizes, fetched_images = _fetch_images(source, chosen, empty, dropped, workers, progress)
    fetched_masks, remarks = _fetch_masks(meta, chosen, empty, sizes, dropped, workers, progress)
    reports: dict[Split, SplitReport] = {}
    for part in chosen.splits:
        reports[part.split] = write_annotations(
            empty, part, chosen, sizes[part.split], dropped[part.split], progress=progress
        )
    report = FetchReport(
        splits=reports,
        notes=(*chosen.notes, *remarks),
        fetched_images=fetched_images,
        fetched_masks=fetched_masks,
        fetched_bytes=source.bytes_received - before,
    )
    result = Folder(out, empty.splits, chosen.class_names, report)
    tables = {split: meta.identify(meta.bucket.masks_table_key(split)).as_json() for split in empty.splits}
    layout.write_manifest(result, chosen, tables)
    return result


def _sweep(folder: Folder) -> None:
    """Remove what a killed process left half written; this one holds the lock."""
    kept = [folder.root, folder.root / "annotations", folder.root / ".meta" / "cache"]
    for split in folder.splits:
        kept += [folder.images(split), folder.masks(split)]
    for place in kept:
        for leftover in place.glob("*.part"):
            if not leftover.with_name(leftover.name + ".etag").exists():  # a large one that can be gone on with
                leftover.unlink()


def _fetch_images(
    source: HttpSource,
    chosen: Plan,
    folder: Folder,
    dropped: dict[Split, dict[str, list[str]]],
    workers: int,
    progress: Progress,
) -> tuple[dict[Split, dict[str, Size]], int]:
    """Sizes of all images that are there in the end, by split and id, and how many were fetched now."""
    sizes: dict[Split, dict[str, Size]] = {part.split: {} for part in chosen.splits}
    fetched = failed = done = 0
    # The source has `workers` connections; a few threads more decode and write while all of these are busy.
    pool = ThreadPoolExecutor(workers + _SPARE_THREADS, thread_name_prefix="image")
    try:
        jobs = {
            pool.submit(_fetch_image, source, chosen.bucket.image(part.split, i), folder.image(part.split, i)): (
                part,
                i,
            )
            for part in chosen.splits
            for i in part.image_ids
        }
        for future in as_completed(jobs):
            part, image_id = jobs[future]
            try:
                sizes[part.split][image_id], is_new = future.result()
                fetched += is_new
            except UnreachableError:
                raise
            except DownloadError as error:
                reason = layout.NOT_FOUND if isinstance(error, NotFoundError) else layout.IMAGE_FAILED
                reason = layout.IMAGE_DAMAGED if isinstance(error, DamagedError) else reason
                dropped[part.split].setdefault(reason, []).append(image_id)
                failed += reason == layout.IMAGE_FAILED
                if failed >= _GIVE_UP_AFTER and failed > done // 2:
                    raise DownloadError(
                        f"{failed} of {done + 1} images could not be fetched; the last one: {error}"
                    ) from error
            done += 1
            progress("images", done, len(jobs))
    finally:
        pool.shutdown(cancel_futures=True)
    for reasons in dropped.values():
        for names in reasons.values():
            names.sort()
    return sizes, fetched


def _fetch_image(source: HttpSource, url: str, path: Path) -> tuple[Size, bool]:
    """Size of an image, and whether it had to be fetched."""
    try:
        return images.image_size(path), False
    except DataError:
        pass  # it is not there, or a power cut left it hollow
    found: list[Size] = []

    # Only decoding proves it whole: a page of HTML, or a JPEG cut off on the server, has the right length too.
    source.download(url, path, check=lambda part: found.append(images.prove_whole(part)))
    return found[-1], True


def _fetch_masks(
    meta: MetaFiles,
    chosen: Plan,
    folder: Folder,
    sizes: Mapping[Split, Mapping[str, Size]],
    dropped: dict[Split, dict[str, list[str]]],
    workers: int,
    progress: Progress,
) -> tuple[int, list[str]]:
    """Fetch the masks that are not there, of images that are; returns how many came, and what is to be said of it."""
    wanted: dict[str, list[str]] = {}
    targets: dict[str, tuple[Split, Path]] = {}
    for part in chosen.splits:
        for name, url in _missing_masks(meta.bucket, part, folder, sizes[part.split]):
            wanted.setdefault(url, []).append(name)
            targets[name] = (part.split, folder.masks(part.split) / name)

    def save(name: str, content: bytes) -> None:
        try:
            files.write_bytes(targets[name][1], content)
        except OSError as error:
            raise WriteError(f"cannot write {targets[name][1]}: {error.strerror or error}.") from error

    came = fetch_members(
        meta.source,
        wanted,
        save,
        folder=folder.root / ".zips",
        cache_path=meta.cache_path,
        local=local_zips(meta),
        workers=workers,
        progress=progress,
    )
    for reason, names in ((layout.MASK_MISSING, came.missing), (MASK_DAMAGED, list(came.damaged))):
        for name in sorted(names):
            dropped[targets[name][0]].setdefault(reason, []).append(name)
    remarks = [f"{path} was passed over, the server was asked instead: {why}" for path, why in came.passed_over.items()]
    return len(targets) - len(came.missing) - len(came.damaged), remarks


def _missing_masks(bucket: Bucket, part: SplitPlan, folder: Folder, sizes: Mapping[str, Size]) -> list[tuple[str, str]]:
    return [
        (row.mask_path, bucket.meta(bucket.masks_zip_key(part.split, row.image_id)))
        for row in part.mask_rows
        if row.image_id in sizes and not (folder.masks(part.split) / row.mask_path).is_file()
    ]

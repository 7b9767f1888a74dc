import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { link, mkdir, open, rm, stat, unlink, type FileHandle } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { equalBytes } from "@portcullis/protocol";
import type { ExternalPart } from "@portcullis/protocol/content";
import type { AttachmentRoom, AttachmentSource, AttachmentTerms } from "../attachments/attachment-room.ts";
import { safeFileName } from "../attachments/file-name.ts";
import { ClientError } from "../errors.ts";

/** So often a name that is taken is tried with a number. */
const MOST_NAMES = 1000;

/** A file that is to be sent. Whether it changes meanwhile shows in its size and its time. */
export async function fileSource(path: string): Promise<AttachmentSource & { readonly fileName: string }> {
  const { size, mtimeMs, ino } = await stat(path);
  return {
    fileName: basename(path),
    size,
    identity: `${path}:${ino}:${size}:${mtimeMs}`,
    content: () => createReadStream(path, { highWaterMark: 64 * 1024 }),
    isUnchanged: async () => {
      const now = await stat(path).catch(() => undefined);
      return now?.size === size && now.mtimeMs === mtimeMs && now.ino === ino;
    },
  };
}

/**
 * Fetches an attachment into a folder, under its own name made safe and, where that is taken, a number: the path. The
 * file is there when all of it is and its hash holds; until then what has come lies sealed beside it, and the same call
 * goes on with that.
 * @throws ClientError CLIENT_ATTACHMENT_BROKEN, CLIENT_ATTACHMENT_DISK, CLIENT_ATTACHMENT_ELSEWHERE, CLIENT_SERVER_…
 */
export async function saveAttachment(
  room: AttachmentRoom,
  part: ExternalPart,
  { folder, ...progress }: { readonly folder: string } & Pick<AttachmentTerms, "onProgress" | "signal">,
): Promise<string> {
  room.demandOurs(part);
  const blob = part.url.slice(-43);
  const sealed = join(folder, `.${blob}.part`);
  const plain = join(folder, `.${blob}.new`);
  try {
    await mkdir(folder, { recursive: true });
    await fetchSealed(room, part, { path: sealed, ...progress });
    await openSealed(room, part, { sealed, plain });
    const path = await nameIt(plain, join(folder, safeFileName(part.filename)));
    await rm(sealed, { force: true });
    return path;
  } catch (error) {
    await discard(plain);
    if (!isDisk(error)) throw error;
    await discard(sealed);
    throw new ClientError("CLIENT_ATTACHMENT_DISK", { reason: error.code });
  }
}

/** What is there already counts for its hash too. */
async function fetchSealed(
  room: AttachmentRoom,
  part: ExternalPart,
  { path, ...progress }: { readonly path: string } & Pick<AttachmentTerms, "onProgress" | "signal">,
): Promise<void> {
  const file = await open(path, "a", 0o600);
  try {
    const hash = createHash("sha256");
    const { size: from } = await file.stat();
    for await (const piece of createReadStream(path) as AsyncIterable<Uint8Array>) hash.update(piece);
    for await (const piece of room.sealed(part, from, progress)) {
      await writeAll(file, piece);
      hash.update(piece);
    }
    await file.datasync();
    if (equalBytes(new Uint8Array(hash.digest()), part.contentHash)) return;
  } finally {
    await file.close();
  }
  await rm(path, { force: true });
  throw new ClientError("CLIENT_ATTACHMENT_BROKEN");
}

async function openSealed(
  room: AttachmentRoom,
  part: ExternalPart,
  { sealed, plain }: { readonly sealed: string; readonly plain: string },
): Promise<void> {
  const file = await open(plain, "w", 0o600);
  try {
    let bytes = 0;
    for await (const piece of room.openFetched(part, createReadStream(sealed))) {
      await writeAll(file, piece);
      bytes += piece.length;
    }
    await file.datasync();
    if (bytes !== part.size) throw new ClientError("CLIENT_ATTACHMENT_BROKEN");
  } finally {
    await file.close();
  }
}

/** Gives the file a name that no other has, and takes none from another. */
async function nameIt(temporary: string, wanted: string): Promise<string> {
  const ending = extname(wanted);
  const stem = wanted.slice(0, wanted.length - ending.length);
  for (let i = 1; i <= MOST_NAMES; i++) {
    const path = i === 1 ? wanted : `${stem} (${i})${ending}`;
    try {
      await link(temporary, path);
      await unlink(temporary);
      return path;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
  throw new ClientError("CLIENT_ATTACHMENT_DISK", { reason: "EEXIST" });
}

/** What is in the way of that is what is told of already. */
async function discard(path: string): Promise<void> {
  await rm(path, { force: true }).catch(() => undefined);
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;)
    written += (await file.write(bytes, written, bytes.length - written)).bytesWritten;
}

/** A fault of the disk, not of what is written to it. */
function isDisk(error: unknown): error is NodeJS.ErrnoException & { code: string } {
  return error instanceof Error && !(error instanceof ClientError) && "syscall" in error && "code" in error;
}

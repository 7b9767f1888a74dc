import { ClientError } from "../errors.ts";

/** More than any camera makes; a picture of so many points is 256 MB once it is unpacked. */
const MOST_POINTS = 64 * 1024 * 1024;
const LONGEST_SIDE = 16_384;

export interface PictureSize {
  readonly type: "image/png" | "image/jpeg" | "image/gif" | "image/webp";
  readonly width: number;
  readonly height: number;
}

/**
 * What kind of picture this is, and its points, by its own header: read before anything unpacks it. A few KiB from its
 * beginning are enough for all but some JPEG.
 * @throws ClientError CLIENT_PICTURE when it is none of these kinds, is cut off, or has too many points
 */
export function pictureSize(bytes: Uint8Array): PictureSize {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  try {
    const size = png(view) ?? gif(view) ?? webp(view) ?? jpeg(view);
    if (size !== undefined && isShowable(size)) return size;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  throw new ClientError("CLIENT_PICTURE");
}

function isShowable({ width, height }: PictureSize): boolean {
  const isShort = width <= LONGEST_SIDE && height <= LONGEST_SIDE;
  return width > 0 && height > 0 && isShort && width * height <= MOST_POINTS;
}

const tagAt = (view: DataView, at: number): number => view.getUint32(at);
const text = (four: string): number => Array.from(four).reduce((sum, c) => sum * 256 + c.charCodeAt(0), 0);

/** PNG specification, sections 5.2 and 11.2.2. */
function png(view: DataView): PictureSize | undefined {
  if (tagAt(view, 0) !== 0x8950_4e47 || tagAt(view, 4) !== 0x0d0a_1a0a || tagAt(view, 12) !== text("IHDR"))
    return undefined;
  return { type: "image/png", width: view.getUint32(16), height: view.getUint32(20) };
}

/** GIF89a specification, section 18. */
function gif(view: DataView): PictureSize | undefined {
  const version = view.getUint16(4);
  if (tagAt(view, 0) !== text("GIF8") || (version !== 0x3761 && version !== 0x3961)) return undefined;
  return { type: "image/gif", width: view.getUint16(6, true), height: view.getUint16(8, true) };
}

/** RFC 9649 sections 2.4 to 2.7. */
function webp(view: DataView): PictureSize | undefined {
  if (tagAt(view, 0) !== text("RIFF") || tagAt(view, 8) !== text("WEBP")) return undefined;
  const type = "image/webp";
  switch (tagAt(view, 12)) {
    case text("VP8 "):
      return { type, width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
    case text("VP8L"): {
      const bits = view.getUint32(21, true);
      return { type, width: (bits & 0x3fff) + 1, height: ((bits >> 14) & 0x3fff) + 1 };
    }
    case text("VP8X"): {
      const side = (at: number): number => view.getUint16(at, true) + view.getUint8(at + 2) * 65_536 + 1;
      return { type, width: side(24), height: side(27) };
    }
    default:
      return undefined;
  }
}

/** ITU T.81, sections B.1.1.3 and B.2.2: the first frame header says it. */
function jpeg(view: DataView): PictureSize | undefined {
  if (view.getUint16(0) !== 0xffd8) return undefined;
  for (let at = 2; ;) {
    if (view.getUint8(at) !== 0xff) return undefined;
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) {
      at++;
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame) return { type: "image/jpeg", height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
    if (marker === 0xd9 || marker === 0xda) return undefined;
    at += 2 + view.getUint16(at + 2);
  }
}

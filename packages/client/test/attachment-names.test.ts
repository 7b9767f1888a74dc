import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concatBytes, utf8 } from "@portcullis/protocol";
import { pictureSize } from "../src/attachments/picture-size.ts";
import { safeFileName } from "../src/attachments/file-name.ts";

test("ATT-09: a name is that of a file in a folder and no more", () => {
  const names: Record<string, string> = {
    "../../etc/passwd": "passwd",
    "C:\\\\Users\\\\ann\\\\photo.png": "photo.png",
    "..": "attachment",
    "": "attachment",
    ".bashrc": "bashrc",
    "a\u0000b\u001b[31m.txt": "ab[31m.txt",
    "annual\u202egpj.exe": "annualgpj.exe",
    "con.txt": "_con.txt",
    NUL: "_NUL",
    "a:b|c?.txt": "abc.txt",
    "two  spaces. ": "two spaces",
  };
  for (const [name, safe] of Object.entries(names)) assert.equal(safeFileName(name), safe, name);
  const long = safeFileName(`${"x".repeat(500)}.jpeg`);
  assert.ok(long.length <= 120 && long.endsWith(".jpeg"));
});

test("ATT-09: whatever a name is, what is made of it is one", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 200 }), (name) => {
      const safe = safeFileName(name);
      assert.ok(safe.length > 0 && Array.from(safe).length <= 120);
      assert.doesNotMatch(safe, /[/\\\p{Cc}\p{Cf}]|^\.|\.$/u);
      assert.equal(safeFileName(safe), safe);
    }),
    { numRuns: 300 },
  );
});

function u16(...values: number[]): Uint8Array {
  return Uint8Array.from(values.flatMap((value) => [value >> 8, value & 0xff]));
}

function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, (value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff);
}

const png = (width: number, height: number): Uint8Array =>
  concatBytes(
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10),
    u32(13),
    utf8("IHDR"),
    u32(width),
    u32(height),
  );
const little = (value: number): Uint8Array => Uint8Array.of(value & 0xff, value >> 8);
const gif = (width: number, height: number): Uint8Array =>
  concatBytes(utf8("GIF89a"), little(width), little(height));
const jpeg = (width: number, height: number): Uint8Array =>
  concatBytes(
    u16(0xffd8, 0xffe0, 4, 0),
    u16(0xffff, 0xffc2),
    u16(0x11, 0x08).subarray(1, 3),
    Uint8Array.of(8),
    u16(height, width),
  );
const webp = (width: number, height: number): Uint8Array => {
  const side = (value: number): Uint8Array =>
    Uint8Array.of((value - 1) & 0xff, ((value - 1) >> 8) & 0xff, (value - 1) >> 16);
  return concatBytes(utf8("RIFF"), u32(0), utf8("WEBPVP8X"), u32(0), u32(0), side(width), side(height));
};

test("ATT-10: the size of a picture is in its header", () => {
  assert.deepEqual(pictureSize(png(640, 480)), { type: "image/png", width: 640, height: 480 });
  assert.deepEqual(pictureSize(gif(640, 480)), { type: "image/gif", width: 640, height: 480 });
  assert.deepEqual(pictureSize(webp(640, 480)), { type: "image/webp", width: 640, height: 480 });
  const photo = concatBytes(u16(0xffd8, 0xffe0, 4, 0, 0xffc0, 17), Uint8Array.of(8), u16(480, 640));
  assert.deepEqual(pictureSize(photo), { type: "image/jpeg", width: 640, height: 480 });
});

test("ATT-10: a bomb, nothing and anything else is no picture", () => {
  const bombs = [
    png(50_000, 50_000),
    png(16_000, 16_000),
    png(0, 5),
    gif(0, 0),
    webp(16_000_000, 2),
    png(20_000, 1),
  ];
  for (const bytes of [...bombs, new Uint8Array(0), utf8("<svg onload=alert(1)>"), png(5, 5).subarray(0, 18)])
    assert.throws(() => pictureSize(bytes), { code: "CLIENT_PICTURE" });
  assert.throws(() => pictureSize(jpeg(5, 5).subarray(0, 4)), { code: "CLIENT_PICTURE" });
});

test("ATT-10: whatever the bytes are, there is a size or the one error", () => {
  const starts = [png(5, 5), gif(5, 5), webp(5, 5), jpeg(5, 5), u16(0xffd8)];
  fc.assert(
    fc.property(
      fc.constantFrom(...starts),
      fc.nat(30),
      fc.uint8Array({ maxLength: 60 }),
      (start, cut, rest) => {
        try {
          pictureSize(concatBytes(start.subarray(0, cut), rest));
        } catch (error) {
          assert.equal((error as { code?: string }).code, "CLIENT_PICTURE");
        }
      },
    ),
    { numRuns: 500 },
  );
});

import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { makeLinkPreview } from "@portcullis/client/node";
import fc from "fast-check";
import { isPublicAddress } from "../packages/client/src/node/public-address.ts";

let server: Server;
let port: number;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
const asked: IncomingMessage[] = [];
/** To whoever tests on the machine itself. */
const here = { isAllowed: (address: string) => address === "127.0.0.1", resolve: async () => ["127.0.0.1"] };
const html = (head: string) => (_: IncomingMessage, response: ServerResponse) =>
  void response
    .setHeader("content-type", "text/html; charset=utf-8")
    .end(`<html><head>${head}</head></html>`);
/** One point, as GIF. */
const GIF = Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", "base64");

before(async () => {
  server = createServer((request, response) => {
    asked.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  ({ port } = server.address() as AddressInfo);
});
after(() => {
  server.closeAllConnections();
  server.close();
});
const at = (path: string): string => `http://page.example:${port}${path}`;
const refused = (what: string) => (error: unknown) =>
  assert.deepEqual(
    [(error as { code: string }).code, (error as { facts: { what: string } }).facts.what],
    ["CLIENT_PREVIEW", what],
  ) ?? true;

test("TML-15: a preview is what the page says of itself, as text, with a small picture", async () => {
  answer = (request, response) => {
    if (request.url === "/dot.gif") response.setHeader("content-type", "image/gif").end(GIF);
    else
      html(`<title>No &lt;b&gt; &#x41;&amp;B\u202e</title><META content='It&apos;s  about\n it' property="og:description">
        <meta property="og:image" content="/dot.gif">`)(request, response);
  };
  assert.deepEqual(await makeLinkPreview(at("/page?q=1"), here), {
    url: at("/page?q=1"),
    title: "No <b> A&B",
    description: "It's about it",
    picture: { contentType: "image/gif", bytes: new Uint8Array(GIF) },
  });
  for (const { headers } of asked.splice(0))
    assert.deepEqual(
      [headers.cookie, headers.referer, headers.authorization],
      [undefined, undefined, undefined],
    );
  answer = html(`<title>plain</title><meta property="og:title" content="${"é".repeat(300)}">`);
  const { title } = await makeLinkPreview(at("/"), here);
  assert.equal(Array.from(title).length, 200);
});

test("TML-15: a picture that is too large, no picture, or somewhere private, is left out", async () => {
  const pictures: [string, string, Buffer][] = [
    ["large", "image/gif", Buffer.concat([GIF, Buffer.alloc(16 * 1024)])],
    ["svg", "image/svg+xml", Buffer.from("<svg/>")],
    ["broken", "image/gif", Buffer.from("GIF89a")],
  ];
  for (const [name, type, bytes] of pictures) {
    answer = (request, response) => {
      if (request.url === "/p") response.setHeader("content-type", type).end(bytes);
      else html('<title>x</title><meta property="og:image" content="/p">')(request, response);
    };
    assert.equal((await makeLinkPreview(at("/"), here)).picture, undefined, name);
  }
  asked.length = 0;
  answer = html('<title>x</title><meta property="og:image" content="http://10.0.0.1/p">');
  assert.equal((await makeLinkPreview(at("/"), here)).picture, undefined);
  assert.equal(asked.length, 1);
});

test("TML-15: nothing is asked of an address that is not public, however it is written or led to", async () => {
  answer = html("<title>inside</title>");
  asked.length = 0;
  const inside = [
    `http://127.0.0.1:${port}/`,
    `http://2130706433:${port}/`,
    `http://0x7f.1:${port}/`,
    `http://[::1]:${port}/`,
    `http://[::ffff:127.0.0.1]:${port}/`,
    `http://localhost:${port}/`,
  ];
  for (const link of inside) await assert.rejects(makeLinkPreview(link), refused("host"), link);
  for (const address of [
    "10.1.2.3",
    "169.254.169.254",
    "fd00::1",
    "fe80::1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
  ])
    await assert.rejects(
      makeLinkPreview(at("/"), { resolve: async () => [address] }),
      refused("host"),
      address,
    );
  const mixed = { resolve: async () => ["93.184.216.34", "127.0.0.1"] };
  await assert.rejects(makeLinkPreview(at("/"), mixed), refused("host"));
  for (const link of ["file:///etc/passwd", "ftp://x.example/", "javascript:1", "http://a:b@x.example/", "x"])
    await assert.rejects(makeLinkPreview(link, here), refused("address"), link);
  assert.equal(asked.length, 0);
  answer = (_, response) => void response.writeHead(302, { location: "http://10.0.0.1/" }).end();
  await assert.rejects(makeLinkPreview(at("/"), here), refused("host"));
  answer = (_, response) => void response.writeHead(302, { location: "file:///etc/passwd" }).end();
  await assert.rejects(makeLinkPreview(at("/"), here), refused("address"));
});

test("TML-15: the address that was looked at is the one that is asked, whatever the name says later", async () => {
  answer = html("<title>x</title>");
  let times = 0;
  const resolve = async (): Promise<string[]> => (times++ === 0 ? ["127.0.0.1"] : ["10.0.0.1"]);
  assert.equal((await makeLinkPreview(at("/"), { ...here, resolve })).title, "x");
  assert.equal(times, 1);
});

test("TML-15: what takes too long, leads on for ever, is no page or has no title gives none", async () => {
  answer = () => {};
  await assert.rejects(makeLinkPreview(at("/"), { ...here, patienceMs: 50 }), refused("connection"));
  answer = (_, response) => {
    response.setHeader("content-type", "text/html").write("<title>");
  };
  await assert.rejects(makeLinkPreview(at("/"), { ...here, patienceMs: 50 }), refused("connection"));
  asked.length = 0;
  answer = (_, response) => void response.writeHead(302, { location: "/again" }).end();
  await assert.rejects(makeLinkPreview(at("/"), here), refused("redirects"));
  assert.equal(asked.length, 4);
  answer = (_, response) => void response.setHeader("content-type", "application/pdf").end("x");
  await assert.rejects(makeLinkPreview(at("/"), here), refused("type"));
  answer = html("<title> </title>");
  await assert.rejects(makeLinkPreview(at("/"), here), refused("title"));
  answer = (_, response) => void response.writeHead(404).end();
  await assert.rejects(makeLinkPreview(at("/"), here), refused("status"));
  // More than is read of a page.
  answer = (_, response) => {
    response.setHeader("content-type", "text/html").write("<title>first</title>");
    response.end(Buffer.alloc(4 * 1024 * 1024, " "));
  };
  assert.equal((await makeLinkPreview(at("/"), here)).title, "first");
});

test("TML-15: whatever a page holds, its preview is a line of text or none", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: "binary" }),
      fc.string({ unit: "binary" }),
      async (title, description) => {
        answer = html(`<title>${title}</title><meta name="description" content="${description}">`);
        const preview = await makeLinkPreview(at("/"), here).catch(() => undefined);
        if (preview) assert.doesNotMatch(preview.title + preview.description, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      },
    ),
    { numRuns: 60 },
  );
});

test("TML-15: an address is public when it is on the Internet", () => {
  for (const address of ["93.184.216.34", "1.1.1.1", "172.32.0.1", "2606:4700:4700::1111"])
    assert.ok(isPublicAddress(address), address);
  const others = [
    "127.0.0.1",
    "10.0.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "100.64.0.1",
    "169.254.0.1",
    "0.0.0.0",
  ];
  const six = [
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "ff02::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "::ffff:1.1.1.1",
  ];
  for (const address of [...others, ...six, "255.255.255.255", "224.0.0.1", "x", ""])
    assert.ok(!isPublicAddress(address), address);
});

import type { IncomingMessage, RequestListener } from "node:http";
import { fromUtf8, type Clock } from "@portcullis/protocol";
import type { WitnessAnswer } from "../add-checkpoint.ts";
import type { WitnessStore } from "./witness-store.ts";

/** 64 lines of hashes and a note with post-quantum signatures fit; nobody can make the witness hold more. */
const MAXIMUM_REQUEST_BYTES = 128 * 1024;
const MONITORED = /^\/([0-9a-f]{64})\/checkpoint$/;

function plain(status: number, body: string): WitnessAnswer {
  return { status, contentType: "text/plain; charset=utf-8", body };
}

/** Undefined when the body is too long or not UTF-8. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length <= MAXIMUM_REQUEST_BYTES) chunks.push(chunk);
  }
  if (length > MAXIMUM_REQUEST_BYTES) return undefined;
  try {
    return fromUtf8(Buffer.concat(chunks));
  } catch {
    return undefined;
  }
}

async function answerTo(request: IncomingMessage, store: WitnessStore, clock: Clock): Promise<WitnessAnswer> {
  const path = request.url ?? "";
  if (path === "/add-checkpoint") {
    if (request.method !== "POST") return plain(405, "POST\n");
    const body = await readBody(request);
    return body === undefined ? plain(400, "malformed request\n") : store.addCheckpoint(body, clock.now());
  }
  const hash = MONITORED.exec(path)?.[1];
  const note = hash === undefined || request.method !== "GET" ? undefined : store.note(hash);
  return note === undefined ? plain(404, "not found\n") : plain(200, note);
}

/** C2SP tlog-witness over node:http: `POST /add-checkpoint` and `GET /<origin hash>/checkpoint`. */
export function createWitnessHandler(store: WitnessStore, clock: Clock): RequestListener {
  return (request, response) => {
    const send = ({ status, contentType, body }: WitnessAnswer): void => {
      response.writeHead(status, { "content-type": contentType, "cache-control": "no-store" }).end(body);
    };
    // only a disk that fails gets here: nothing was cosigned
    answerTo(request, store, clock).then(send, () => send(plain(500, "the witness cannot write\n")));
  };
}

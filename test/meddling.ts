import type { Platform, Transport } from "@portcullis/client";
import { nodePlatform } from "@portcullis/client/node";
import { decodeServerFrame, encodeServerFrame, type Item, type ServerFrame } from "@portcullis/protocol";

/** A server, as one client sees it, that changes what it delivers and answers. */
export interface Meddler {
  platform: Platform;
  /** Undefined: the frame is lost. */
  frame: (frame: ServerFrame) => ServerFrame | undefined;
  /** What arrives now when this frame would: it and others, in whatever order, or nothing. */
  arrivals: (frame: ServerFrame) => readonly ServerFrame[];
  answer: (path: string, response: Response) => Promise<Response>;
  /** The same, with all of the address. */
  request: (url: URL, response: Response) => Promise<Response>;
  /** Changes one item of others, the next one that comes. */
  nextItem: (change: (item: Item) => Item) => void;
}

const honestFrame = (frame: ServerFrame): ServerFrame => frame;

/** Each frame by itself, as it comes. */
export const inTime = (frame: ServerFrame): readonly ServerFrame[] => [frame];

export function meddle(): Meddler {
  const transport: Transport = (url, events) =>
    nodePlatform.transport(url, {
      ...events,
      onFrame: (bytes) => {
        const frame = meddler.frame(decodeServerFrame(bytes));
        const arrivals = frame === undefined ? [] : meddler.arrivals(frame);
        for (const arrival of arrivals) events.onFrame(encodeServerFrame(arrival));
      },
    });
  const meddler: Meddler = {
    frame: honestFrame,
    arrivals: inTime,
    answer: (_, response) => Promise.resolve(response),
    request: (_, response) => Promise.resolve(response),
    platform: {
      ...nodePlatform,
      transport,
      fetch: async (...request) => {
        const response = await fetch(...request);
        const url = new URL(response.url);
        return meddler.request(url, await meddler.answer(url.pathname, response));
      },
    },
    nextItem: (change) => {
      meddler.frame = (frame) => {
        const index = frame.type === "items" ? frame.items.findIndex(({ message }) => message) : -1;
        if (frame.type !== "items" || index < 0) return frame;
        meddler.frame = honestFrame;
        return { ...frame, items: frame.items.with(index, change(frame.items[index]!)) };
      };
    },
  };
  return meddler;
}

export function flipped(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.with(at < 0 ? bytes.length + at : at, (bytes.at(at) ?? 0) ^ 1);
}

import { WebSocket } from "ws";
import { limits } from "@portcullis/protocol";
import type { Transport } from "../server/transport.ts";

/** The `ws` package: half the cost per frame of Node's own WebSocket. */
export const nodeTransport: Transport = (url, events) => {
  const socket = new WebSocket(url, {
    perMessageDeflate: false,
    maxPayload: limits.frameBytes,
    skipUTF8Validation: true,
  });
  socket.binaryType = "nodebuffer";
  let failure: unknown;
  socket.on("open", events.onOpen);
  socket.on("message", (data: Buffer, isBinary) => {
    if (isBinary) events.onFrame(new Uint8Array(data.buffer, data.byteOffset, data.length));
    else socket.close();
  });
  socket.on("error", (error) => {
    failure = error;
  });
  socket.on("close", (code) => events.onClose(failure ?? { code }));
  return { send: (frame) => socket.send(frame), close: () => socket.terminate() };
};

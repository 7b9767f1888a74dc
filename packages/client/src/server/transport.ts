/** What a transport tells about one socket. After `onClose` it tells nothing more. */
export interface SocketEvents {
  readonly onOpen: () => void;
  readonly onFrame: (bytes: Uint8Array) => void;
  readonly onClose: (reason: unknown) => void;
}

export interface Socket {
  send(frame: Uint8Array): void;
  close(): void;
}

/** Opens a WebSocket of binary frames. `url`: ws: or wss:. */
export type Transport = (url: string, events: SocketEvents) => Socket;

/** The platform's own WebSocket, as browsers have it. */
export const webTransport: Transport = (url, events) => {
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  socket.addEventListener("open", events.onOpen);
  socket.addEventListener("message", ({ data }) => {
    if (data instanceof ArrayBuffer) events.onFrame(new Uint8Array(data));
    else socket.close();
  });
  socket.addEventListener("close", ({ code }) => events.onClose({ code }));
  return { send: (frame) => socket.send(frame as Uint8Array<ArrayBuffer>), close: () => socket.close() };
};

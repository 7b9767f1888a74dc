import type { AddressInfo } from "node:net";
import { createApplication } from "./http/application.ts";
import { openContext } from "./server-context.ts";
import type { ServerOptions } from "./server-options.ts";
import { Stream } from "./stream.ts";

export type { Cosigner, ServerOptions } from "./server-options.ts";

const STREAM_PATH = "/v1/stream";

export interface RunningServer {
  readonly url: string;
  /** Verifier keys of the two logs, as lines, and the key that signs franks. */
  readonly accessLog: string;
  readonly identityLog: string;
  /** 32 bytes: proves whose a label in the identity log is. */
  readonly vrfKey: Uint8Array;
  readonly frankingKey: Uint8Array;
  readonly operatorToken: string;
  readonly registrationToken: string;
  /** Ends connections, lets what is under way become durable, and lets go of the directory. */
  close(): Promise<void>;
}

/** The delivery service, the directory, the two logs and the desk's API, on one port and in one directory. */
export async function runServer(options: ServerOptions): Promise<RunningServer> {
  const { log, host = "127.0.0.1", port } = options;
  await using resources = new AsyncDisposableStack();
  const context = await openContext(options, resources);
  const application = await createApplication(context, log);
  const stream = new Stream(context, log);
  application.server.on("upgrade", (request, socket, head) => {
    if (request.url === STREAM_PATH) stream.upgrade(request, socket, head);
    else socket.destroy();
  });
  resources.defer(async () => {
    // First the streams, whose last frames are still made durable; then the calls, of which some wait for the logs.
    await stream.close();
    context.accessLog.stopWaiting();
    context.identityLog.stopWaiting();
    await application.close();
  });
  await application.listen({ host, port });
  const url = urlOf(application.server.address() as AddressInfo);
  log("info", "listening", { url });

  const { keys } = context;
  const held = resources.move();
  return {
    url,
    accessLog: keys.accessLog.key.text,
    identityLog: keys.identityLog.key.text,
    vrfKey: keys.vrf.publicKey,
    frankingKey: keys.franks.signing.publicKey,
    operatorToken: keys.operatorToken,
    registrationToken: keys.registrationToken,
    close: async () => {
      await held.disposeAsync();
      log("info", "stopped");
    },
  };
}

function urlOf({ address, port }: AddressInfo): string {
  return `http://${address.includes(":") ? `[${address}]` : address}:${port}`;
}

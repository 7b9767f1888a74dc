import type { BackupStatus, Platform, PortcullisClient } from "@portcullis/client";
import { nodePlatform, SqliteStore } from "@portcullis/client/node";
import type { ConversationId } from "@portcullis/protocol";
import { FixedClock, temporaryDirectory } from "@portcullis/testkit";
import { meddle, type Meddler } from "./meddling.ts";
import { openProviderRoom, type ClientSetting } from "./provider-room.ts";

export const clock = new FixedClock("1970-04-14T03:00:00Z");
export const directory = temporaryDirectory();
/** In tests a segment comes when it is asked for, and holds little. */
export const backup = { everyMs: 3_600_000, messages: 1000, segmentMessages: 8, spareSegments: 8 };
/** With bob, to talk to. */
export const room = await openProviderRoom(directory, clock);
export const bob = await room.join("bob");

export interface Kept {
  readonly client: PortcullisClient;
  readonly code: string;
  readonly talk: ConversationId;
}

/** Somebody with a conversation of so many messages, all of it in the backup. */
export async function keeper(
  handle: string,
  messages = 20,
  setting: Partial<ClientSetting> = {},
): Promise<Kept> {
  const client = await room.join(handle, { backup, ...setting });
  const talk = await bob.createConversation({
    class: "sealed",
    members: [client.accountId],
    name: `With ${handle}`,
  });
  await client.waitForConversation(talk);
  await client.settings.set("theme", `${handle}'s colours`);
  await say(talk, client, messages, handle);
  const code = await client.setRecoveryCode();
  await client.turnOnBackup();
  await client.backedUp();
  return { client, code, talk };
}

export async function say(
  talk: ConversationId,
  client: PortcullisClient,
  count: number,
  what: string,
): Promise<void> {
  const texts = Array.from({ length: count }, (_, i) => `${what} said thing number ${i}`);
  await Promise.all(texts.map((text, i) => (i % 2 === 0 ? client : bob).messages.send(talk, { text })));
  await client.idle();
  await client.caughtUp(talk, bob.state(talk).sequence);
}

export const all = { limit: 500 };

/** Resolves with the first status that `is` what is waited for. */
export function statusThat(is: (status: BackupStatus) => boolean): {
  listen: (client: PortcullisClient) => void;
  told: Promise<BackupStatus>;
  seen: BackupStatus[];
  stop: () => void;
} {
  const seen: BackupStatus[] = [];
  const { promise: told, resolve, reject } = Promise.withResolvers<BackupStatus>();
  const late = setTimeout(() => reject(new Error(`no such status: ${JSON.stringify(seen)}`)), 30_000);
  const listen = (client: PortcullisClient): void => {
    client.on("backup", (status) => {
      seen.push(status);
      if (!is(status)) return;
      clearTimeout(late);
      resolve(status);
    });
  };
  return { listen, told, seen, stop: () => clearTimeout(late) };
}

export const isOn = ({ state }: BackupStatus): boolean => state === "on";

/** The account on a new device, once the backup is as `is` says. */
export async function recovered(
  handle: string,
  code: string,
  { is = isOn, ...setting }: Partial<ClientSetting> & { is?: (status: BackupStatus) => boolean } = {},
): Promise<{ client: PortcullisClient; status: BackupStatus; seen: BackupStatus[] }> {
  const { listen, told, seen, stop } = statusThat(is);
  const options = { storeName: `${handle} again`, backup, listen, ...setting };
  try {
    const client = await room.recover(handle, code, options);
    return { client, status: await told, seen };
  } finally {
    stop();
  }
}

export async function storedMessages(storeName: string, id: ConversationId) {
  const store = new SqliteStore(room.storePath(storeName));
  const messages = await store.history(id, { limit: 500, beforeSequence: Number.MAX_SAFE_INTEGER });
  await store.close();
  return messages;
}

export type Change = (response: Response, path: string) => Promise<Response>;

/** Changes what the server says of segments. */
export function segmentsMeddled(change: Change): Meddler {
  const meddler = meddle();
  meddler.answer = async (path, response) =>
    path.includes("/segments/") && response.ok ? change(response, path) : response;
  return meddler;
}

export const gone = (): Response => Response.json({ code: "BACKUP_UNKNOWN" }, { status: 404 });

/** A platform on which some requests are answered by `answer`, and never sent. */
export function answering(
  answer: (method: string, path: string, body: string) => Response | undefined,
): Platform {
  return {
    ...nodePlatform,
    fetch: async (input, init) => {
      const body = typeof init?.body === "string" ? init.body : "";
      return answer(init?.method ?? "GET", new URL(input as string).pathname, body) ?? fetch(input, init);
    },
  };
}

/** The heads that a device leaves at the server. */
export function headsLeft(): { platform: Platform; heads: string[] } {
  const heads: string[] = [];
  const platform = answering((method, _, body) => {
    if (method === "PUT" && body.includes('"head"')) heads.push((JSON.parse(body) as { head: string }).head);
    return undefined;
  });
  return { platform, heads };
}

/** Shows another head than the one that stands. */
export function withHead(head: () => string | undefined): Meddler {
  const meddler = meddle();
  meddler.answer = async (path, response) => {
    const shown = head();
    if (path !== "/v1/backup" || shown === undefined) return response;
    return Response.json({ ...((await response.json()) as object), head: shown });
  };
  return meddler;
}

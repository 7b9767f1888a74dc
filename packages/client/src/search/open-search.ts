import type { Host } from "../host.ts";
import { ClientError } from "../errors.ts";
import type { MessageRoom } from "../messages/message-room.ts";
import type { ClientStore } from "../store.ts";
import { SearchIndex } from "./search-index.ts";
import { SearchRoom } from "./search-room.ts";

/** The search of one device. `size`: so many messages belong to a part of its index. */
export function openSearch(
  host: Pick<Host, "write" | "events">,
  {
    store,
    messages,
    size,
  }: { readonly store: ClientStore; readonly messages: MessageRoom; readonly size: number },
): SearchRoom {
  const { events } = host;
  const index = new SearchIndex({
    store,
    write: (changes) => host.write(changes),
    size,
    tell: (reach) => events.emit("search-reach", reach),
  });
  return new SearchRoom({
    index,
    store,
    fault: (error) => events.emit("fault", error),
    read: async (conversationId, anchor) => {
      try {
        return await messages.get(conversationId, anchor);
      } catch (error) {
        // It has expired meanwhile.
        if (error instanceof ClientError && error.code === "CLIENT_MESSAGE_UNKNOWN") return undefined;
        throw error;
      }
    },
  });
}

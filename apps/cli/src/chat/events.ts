import type { ClientEvents } from "@portcullis/client";
import { equalBytes } from "@portcullis/protocol";
import type { ConversationDesk } from "./conversation-desk.ts";

/** Tells what happens while somebody is there. `onFault` gets what must not happen. */
export function tellEvents(desk: ConversationDesk, onFault: (error: unknown) => void): void {
  const { client, people, screen } = desk;
  const on = <Name extends keyof ClientEvents>(
    name: Name,
    tell: (event: ClientEvents[Name]) => void | Promise<void>,
  ): void => {
    client.on(name, (event) => {
      (async () => tell(event))().catch(onFault);
    });
  };
  const named = (id: ClientEvents["conversation"]["conversationId"]): string =>
    `${desk.numberOf(id)}. ${desk.titleOf(id)}`;
  on("message", async ({ conversationId, sequence, senderAccountId }) => {
    // What was typed here is shown where it was sent.
    if (equalBytes(senderAccountId, client.accountId)) return;
    const isMuted = client.preferences.of(conversationId).mutedUntilMs !== undefined;
    if (isMuted && !desk.isOpen(conversationId)) return;
    await desk.showMessage(conversationId, sequence);
    if (desk.isOpen(conversationId)) await client.messages.markRead(conversationId, sequence);
  });
  on("typing", ({ conversationId, accountId, isTyping }) => {
    if (isTyping && desk.isOpen(conversationId)) screen.print(`${people.nameOf(accountId)} is writing...`);
  });
  on("message-changed", ({ conversationId, sequence }) =>
    desk.isOpen(conversationId) ? desk.showMessage(conversationId, sequence) : undefined,
  );
  on("messages-gone", ({ conversationId, sequences }) => {
    if (desk.isOpen(conversationId)) screen.print(`Expired: ${sequences.map((one) => `#${one}`).join(", ")}`);
  });
  on("conversation", ({ conversationId }) => screen.print(`You are in ${named(conversationId)}`));
  on("state", ({ conversationId }) => {
    if (desk.isOpen(conversationId)) desk.showPrompt();
  });
  on("frozen", ({ conversationId, committer, code }) =>
    screen.print(
      `FROZEN: ${named(conversationId)}: a change by ${people.nameOf(committer.accountId)} is not acceptable (${code})`,
    ),
  );
  on("left", ({ conversationId }) => screen.print(`You are no longer in ${named(conversationId)}`));
  on("rejected", ({ senderAccountId, code }) =>
    screen.print(`A message of ${people.nameOf(senderAccountId)} fails a check and is not shown (${code})`),
  );
  on("change-refused", ({ conversationId, code }) =>
    screen.print(`A change in ${named(conversationId)} was not made (${code})`),
  );
  on("identity-alarm", () =>
    screen.print("ALARM: somebody may act for your account; /devices shows its devices."),
  );
  on("log-alarm", () =>
    screen.print("ALARM: the identity log cannot be shown to be the same for everybody."),
  );
  on("unlinked", () => screen.print("Another device has taken this one out of your account."));
  on("connection", ({ state }) => {
    screen.print(state === "down" ? "The server is not there; trying again." : "Connected.");
  });
  on("fault", onFault);
}

import type { NewMessage } from "@portcullis/client";
import { fileSource, makeLinkPreview, saveAttachment } from "@portcullis/client/node";
import { reportReasons, type ConversationId } from "@portcullis/protocol";
import { CliError } from "../../errors.ts";
import { firstNumber, firstWord, type ChatCommands } from "../command.ts";
import { plainText } from "../plain-text.ts";
import type { Screen } from "../screen.ts";
import type { ConversationDesk } from "../conversation-desk.ts";

/** What cannot be sent is not lost: it is the conversation's draft then. */
export function say(desk: ConversationDesk, message: NewMessage & { readonly text: string }): Promise<void> {
  // Where it is said is settled now, whichever conversation is open when it is accepted.
  const { id } = desk;
  return desk.during(sayIn(desk, id, message));
}

async function sayIn(
  desk: ConversationDesk,
  id: ConversationId,
  message: NewMessage & { readonly text: string },
): Promise<void> {
  const { client } = desk;
  const { text, inReplyTo } = message;
  const { drafts } = client.messages;
  try {
    const { sequence } = await client.messages.send(id, message);
    await client.caughtUp(id, sequence);
    await desk.showMessage(id, sequence);
  } catch (error) {
    await drafts.set(id, { text, ...(inReplyTo !== undefined && { inReplyTo }) });
    if (text !== "") desk.screen.print("It is kept as a draft; /send tries again.");
    throw error;
  }
}

/** Every quarter of what is sent or fetched. */
function percent(screen: Screen): (done: number, of: number) => void {
  let told = 0;
  return (done, of) => {
    const quarter = Math.floor((4 * done) / of);
    if (quarter > told) screen.print(`${25 * quarter} %`);
    told = Math.max(told, quarter);
  };
}

/** What people say to each other. */
export const talking: ChatCommands = {
  md: {
    usage: "TEXT",
    about: "send Markdown; a line without a command is sent as it is",
    run: (desk, text) => say(desk, { text, format: "markdown" }),
  },
  reply: {
    usage: "N TEXT",
    about: "answer message N",
    run: (desk, rest) => {
      const [inReplyTo, text] = firstNumber(rest);
      return say(desk, { text, inReplyTo });
    },
  },
  expire: {
    usage: "SECONDS TEXT",
    about: "send what is taken away again on every device after so long",
    run: (desk, rest) => {
      const [expiresInSeconds, text] = firstNumber(rest);
      return say(desk, { text, expiresInSeconds });
    },
  },
  edit: {
    usage: "N TEXT",
    about: "say something else in your message N",
    run: async ({ client, id }, rest) => {
      const [number, text] = firstNumber(rest);
      await client.messages.edit(id, number, { text });
    },
  },
  delete: {
    usage: "N",
    about: "delete your message N for everybody; copies and records stay",
    run: async ({ client, id }, rest) => {
      await client.messages.delete(id, firstNumber(rest)[0]);
    },
  },
  react: {
    usage: "N EMOJI",
    about: "react to message N",
    run: async ({ client, id }, rest) => {
      const [number, emoji] = firstNumber(rest);
      await client.messages.react(id, number, emoji.trim());
    },
  },
  unreact: {
    usage: "N EMOJI",
    about: "take your reaction back",
    run: async ({ client, id, screen }, rest) => {
      const [number, emoji] = firstNumber(rest);
      const taken = await client.messages.unreact(id, number, emoji.trim());
      if (taken === undefined) screen.print("You have not given it.");
    },
  },
  pin: {
    usage: "N",
    about: "pin message N for everybody",
    run: async ({ client, id }, rest) => {
      await client.messages.pin(id, firstNumber(rest)[0]);
    },
  },
  unpin: {
    usage: "N",
    about: "take the pin away",
    run: async ({ client, id }, rest) => {
      await client.messages.pin(id, firstNumber(rest)[0], false);
    },
  },
  forward: {
    usage: "N CONVERSATION",
    about: "pass message N on to the conversation of that number",
    run: async (desk, rest) => {
      const [sequence, to] = firstNumber(rest);
      const { conversationId } = desk.numbered(firstNumber(to)[0]);
      await desk.client.messages.forward({ conversationId: desk.id, sequence }, conversationId);
      desk.screen.print(`Passed on to ${desk.titleOf(conversationId)}.`);
    },
  },
  preview: {
    usage: "LINK TEXT",
    about: "send a link with what it leads to: this device asks for the page, nobody else's does",
    run: async (desk, rest) => {
      const [link, text] = firstWord(rest);
      const preview = await makeLinkPreview(link);
      desk.screen.print(plainText(`${preview.title}: ${preview.description}`));
      await say(desk, { text: text === "" ? link : `${text} ${link}`, preview });
    },
  },
  draft: {
    usage: "TEXT",
    about: "keep what you have begun, on this device; nothing clears it",
    run: async ({ client, id }, text) => client.messages.drafts.set(id, text === "" ? undefined : { text }),
  },
  send: {
    usage: "",
    about: "send the draft",
    run: async (desk) => {
      const { drafts } = desk.client.messages;
      const draft = drafts.get(desk.id);
      if (draft === undefined) throw new CliError("CLI_CHAT_USAGE", { expected: "a draft" });
      await say(desk, draft);
      await drafts.set(desk.id, undefined);
    },
  },
  older: { usage: "", about: "show what was said before", run: (desk) => desk.showOlder() },
  report: {
    usage: "N REASON COMMENT",
    about: `show the operator message N, and no other; ${reportReasons.join(", ")}`,
    run: async ({ client, id, screen }, rest) => {
      const [number, more] = firstNumber(rest);
      const [word, comment] = firstWord(more);
      const reason = reportReasons.find((one) => one === word);
      if (reason === undefined) throw new CliError("CLI_CHAT_USAGE", { expected: reportReasons.join(", ") });
      screen.print(`Reported: ${await client.report(id, number, { reason, comment })}`);
    },
  },
  attach: {
    usage: "FILE",
    about: "send a file",
    run: async (desk, path) => {
      const { client, id, screen } = desk;
      const { fileName, ...source } = await fileSource(path);
      const terms = { contentType: "application/octet-stream", fileName, onProgress: percent(screen) };
      const part = await client.attachments.upload(source, terms);
      const { sequence } = await client.messages.send(id, { attachments: [{ part }] });
      await client.caughtUp(id, sequence);
      await desk.showMessage(id, sequence);
    },
  },
  save: {
    usage: "N FOLDER",
    about: "save the files of message N",
    run: async ({ client, id, screen }, rest) => {
      const [number, folder] = firstNumber(rest);
      if (folder === "") throw new CliError("CLI_CHAT_USAGE", { expected: "a folder" });
      const { body } = await client.messages.get(id, number);
      for (const { part } of body?.attachments ?? []) {
        const saving = { folder, onProgress: percent(screen) };
        screen.print(`Saved: ${plainText(await saveAttachment(client.attachments, part, saving))}`);
      }
    },
  },
  read: {
    usage: "",
    about: "say that you have read everything here",
    run: async ({ client, id }) => {
      const [newest] = await client.messages.history(id, { limit: 1 });
      if (newest) await client.messages.markRead(id, newest.sequence);
    },
  },
  receipts: {
    usage: "on|off",
    about: "whether others are told what you have got and read",
    run: async ({ client }, rest) => {
      const [word] = firstWord(rest);
      if (word !== "on" && word !== "off") throw new CliError("CLI_CHAT_USAGE", { expected: "on or off" });
      for (const name of ["receipts.delivered", "receipts.read"])
        await client.settings.set(name, word === "off" ? "off" : undefined);
    },
  },
};

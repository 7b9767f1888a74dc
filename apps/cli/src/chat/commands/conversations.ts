import { toBase64Url } from "@portcullis/protocol";
import type { Role } from "@portcullis/protocol/content";
import { CliError } from "../../errors.ts";
import { firstNumber, firstWord, words, type ChatCommands } from "../command.ts";
import { accountsIn } from "../describe.ts";
import type { People } from "../people.ts";

const everybody = (people: People, handles: readonly string[]) =>
  Promise.all(handles.map((handle) => people.named(handle)));

/** Conversations and who is in them. */
export const conversations: ChatCommands = {
  list: { usage: "", about: "your conversations", run: (desk) => desk.showList() },
  open: {
    usage: "N",
    about: "go into the conversation of that number",
    run: (desk, rest) => desk.open(desk.numbered(firstNumber(rest)[0]).conversationId),
  },
  new: {
    usage: "sealed|recorded HANDLE.. [-- NAME]",
    about: "begin a conversation; its class never changes",
    run: async (desk, rest) => {
      const [word, others] = firstWord(rest);
      const conversationClass = word;
      if (conversationClass !== "sealed" && conversationClass !== "recorded")
        throw new CliError("CLI_CHAT_USAGE", { expected: "sealed or recorded" });
      const [handles = "", ...name] = ` ${others}`.split(" -- ");
      const members = await everybody(desk.people, words(handles));
      const terms = { class: conversationClass, members, name: name.join(" -- ").trim() } as const;
      await desk.open(await desk.client.createConversation(terms));
    },
  },
  add: {
    usage: "HANDLE..",
    about: "bring others in",
    run: async ({ client, id, people }, rest) => client.addMembers(id, await everybody(people, words(rest))),
  },
  remove: {
    usage: "HANDLE..",
    about: "take others out",
    run: async ({ client, id, people }, rest) =>
      client.removeMembers(id, await everybody(people, words(rest))),
  },
  leave: { usage: "", about: "leave for good", run: ({ client, id }) => client.leave(id) },
  name: {
    usage: "NAME",
    about: "give the conversation a name",
    run: async (desk, rest) => {
      await desk.client.setName(desk.id, rest);
      desk.showPrompt();
    },
  },
  role: {
    usage: "HANDLE owner|admin|member",
    about: "what somebody may do here",
    run: async ({ client, id, people }, rest) => {
      const [handle, role] = firstWord(rest);
      if (!isRole(role)) throw new CliError("CLI_CHAT_USAGE", { expected: "owner, admin or member" });
      await client.setRole(id, await people.named(handle), role);
    },
  },
  who: {
    usage: "",
    about: "who is here",
    run: async ({ client, id, people, screen }) => {
      for (const { accountId, role, leaving, verified } of accountsIn(client.state(id))) {
        const isOwn = toBase64Url(accountId) === toBase64Url(client.accountId);
        const remarks = [role, ...(isOwn ? [] : [verified ? "verified" : "not verified"])];
        if (leaving) remarks.push("leaving");
        screen.print(`${people.nameOf(accountId)} (${remarks.join(", ")})`);
      }
    },
  },
  joinlink: {
    usage: "[off]",
    about: "a link by which others can ask to come in; off: those that stand count no more",
    run: async ({ client, id, screen }, rest) => {
      if (rest !== "off") return screen.print(await client.makeJoinLink(id));
      for (const { linkId } of client.joinLinks(id)) await client.revokeJoinLink(id, linkId);
    },
  },
  join: {
    usage: "LINK",
    about: "ask to come in by a link",
    run: async ({ client, screen }, rest) => {
      await client.askToJoin(firstWord(rest)[0]);
      screen.print("Asked. It is told here when somebody lets you in.");
    },
  },
};

function isRole(text: string): text is Role {
  return text === "owner" || text === "admin" || text === "member";
}

import { CliError } from "../../errors.ts";
import { firstWord, type ChatCommands } from "../command.ts";

const HOUR_MS = 3_600_000;

/** @throws CliError CLI_CHAT_USAGE */
function isOn(rest: string): boolean {
  const [word] = firstWord(rest);
  if (word !== "on" && word !== "off") throw new CliError("CLI_CHAT_USAGE", { expected: "on or off" });
  return word === "on";
}

/** What is set about conversations and people, on all devices of the account. */
export const preferring: ChatCommands = {
  mute: {
    usage: "HOURS|always|off",
    about: "hear nothing of this conversation while another one is open",
    run: async ({ client, id }, rest) => {
      const [word] = firstWord(rest);
      if (word === "off") return client.preferences.mute(id, undefined);
      if (word === "always") return client.preferences.mute(id, "always");
      if (!/^[0-9]{1,5}$/.test(word))
        throw new CliError("CLI_CHAT_USAGE", { expected: "hours, always or off" });
      return client.preferences.mute(id, Date.now() + Number(word) * HOUR_MS);
    },
  },
  archive: {
    usage: "on|off",
    about: "put this conversation at the end of the list",
    run: async ({ client, id }, rest) => client.preferences.archive(id, isOn(rest)),
  },
  first: {
    usage: "on|off",
    about: "put this conversation at the head of the list",
    run: async ({ client, id }, rest) => client.preferences.pin(id, isOn(rest)),
  },
  block: {
    usage: "HANDLE",
    about: "be told nothing of what somebody says, and tell them nothing; they are not told",
    run: async ({ client, people }, rest) => client.preferences.block(await people.named(firstWord(rest)[0])),
  },
  unblock: {
    usage: "HANDLE",
    about: "take that back",
    run: async ({ client, people }, rest) =>
      client.preferences.block(await people.named(firstWord(rest)[0]), false),
  },
  blocked: {
    usage: "",
    about: "whom you have blocked",
    run: async ({ client, people, screen }) => {
      const blocked = client.preferences.blocked();
      screen.print(blocked.length === 0 ? "Nobody." : people.namesOf(blocked));
    },
  },
};

import { CliError } from "../../errors.ts";
import { firstNumber, firstWord, type ChatCommand, type ChatCommands } from "../command.ts";

/** The account, its devices, and whose account another one is. */
export function accountCommands(): ChatCommands {
  return {
    verify: {
      usage: "HANDLE",
      about: "the number that you both see alike when nobody is between you",
      run: async ({ client, people, screen }, rest) => {
        const [handle] = firstWord(rest);
        screen.print(client.safetyNumber(await people.named(handle)));
        screen.print(`Compare it face to face or by telephone. If it is the same: /verified ${handle}`);
      },
    },
    verified: {
      usage: "HANDLE",
      about: "you have compared the number and it is the same",
      run: async ({ client, people }, rest) => client.markVerified(await people.named(firstWord(rest)[0])),
    },
    devices: {
      usage: "",
      about: "the devices of your account",
      run: async ({ client, screen }) => {
        for (const [index, { current, lastSeen }] of (await client.devices()).entries())
          screen.print(`${index + 1}. ${current ? "this one" : "another"}, last seen ${lastSeen ?? "never"}`);
      },
    },
    link: {
      usage: "CODE",
      about: "take in the new device that shows this code",
      run: async ({ client, screen }, rest) => {
        await client.approveLink(rest);
        screen.print("The device is one of yours.");
      },
    },
    unlink: {
      usage: "N",
      about: "take device N out of your account",
      run: async ({ client }, rest) => {
        const [number] = firstNumber(rest);
        const device = (await client.devices())[number - 1];
        if (device === undefined) throw new CliError("CLI_CHAT_DEVICE", { number });
        await client.unlinkDevice(device.deviceId);
      },
    },
    invite: {
      usage: "",
      about: "a link with which somebody else can make an account",
      run: async ({ client, screen }) => screen.print(await client.createInvite()),
    },
    recovery: recovery(),
    backup: {
      usage: "on|off|status",
      about: "keep history at the server too, sealed under the recovery code",
      run: async ({ client, screen }, rest) => {
        const [word] = firstWord(rest);
        if (word === "on") await client.turnOnBackup();
        else if (word === "off") await client.turnOffBackup();
        else if (word !== "status") throw new CliError("CLI_CHAT_USAGE", { expected: "on, off or status" });
        const { state, bytes, code } = client.backup();
        screen.print(`Backup: ${state}, ${bytes} bytes${code === undefined ? "" : ` (${code})`}`);
      },
    },
  };
}

/** The code before is worth nothing from then on: it is asked twice, one right after the other. */
function recovery(): ChatCommand {
  let isAsked = false;
  return {
    usage: "",
    about: "a new recovery code; the one before is worth nothing then",
    run: async ({ client, screen }) => {
      isAsked = !isAsked;
      if (isAsked)
        return screen.print("The code that you have now will be worth nothing. /recovery again: make it.");
      screen.print(await client.setRecoveryCode());
      screen.print("Write it down. It is not shown again.");
    },
  };
}

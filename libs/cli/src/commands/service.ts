/** `velarium service NAME`: one service as this process, for containers. Flags are the service's own. */
import { serviceKinds } from "@velarium/cluster";
import { Command } from "commander";
import { UsageError } from "../exit-code.ts";

export function serviceCommand(): Command {
  return new Command("service")
    .description("run one service in the foreground (its own --help lists its flags)")
    .argument("<name>", serviceKinds.join(", "))
    .argument("[flags...]", "flags of the service")
    .allowUnknownOption()
    .passThroughOptions()
    .helpOption(false)
    .addHelpText("after", "\nExample:\n  velarium service executor --help")
    .action(async (name: string) => {
      if (!serviceKinds.some((kind) => kind === name))
        throw new UsageError(`there is no service ${name}; there are ${serviceKinds.join(", ")}`);
      const at = process.argv.indexOf(name);
      process.argv.splice(
        1,
        at,
        new URL(`../../../../services/${name}/src/main.ts`, import.meta.url).pathname,
      );
      await import(new URL(`../../../../services/${name}/src/main.ts`, import.meta.url).href);
      await new Promise(() => {}); // the service ends the process
    });
}

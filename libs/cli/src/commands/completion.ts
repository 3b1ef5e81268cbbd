/** `velarium completion SHELL`: a completion script from what commander knows of the commands. */
import { type Command, Command as NewCommand } from "commander";
import { completionScript, type Shell, shells } from "../completion-script.ts";
import { UsageError } from "../exit-code.ts";

export function completionCommand(program: () => Command): Command {
  return new NewCommand("completion")
    .description("print a completion script for a shell")
    .argument("<shell>", shells.join(", "))
    .addHelpText(
      "after",
      `
Examples:
  source <(velarium completion bash)
  velarium completion zsh > ~/.zfunc/_velarium
  velarium completion fish > ~/.config/fish/completions/velarium.fish`,
    )
    .action((shell: string) => {
      if (!shells.some((known) => known === shell))
        throw new UsageError(`no completion for ${shell}; there is ${shells.join(", ")}`);
      process.stdout.write(completionScript(program(), shell as Shell));
    });
}

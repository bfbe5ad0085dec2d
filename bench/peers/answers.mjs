// How a peer in Node answers: a JSON object for each line of standard input, on lines that begin with @.
import { createInterface } from 'node:readline';

const reply = (values) => process.stdout.write(`@${JSON.stringify(values)}\n`);
const replyError = (error) => reply({ error: String(error).slice(0, 500) });

/** Says when the engine is ready, then answers each `{do, ...}` with what `commands[do](engine, ...)` gives; ends with the input. */
export async function answer(start, commands) {
  try {
    const engine = await start();
    reply({ ready: true });
    for await (const line of createInterface({ input: process.stdin })) {
      const { do: name, ...command } = JSON.parse(line);
      try {
        reply(await commands[name](engine, command));
      } catch (error) {
        replyError(error);
      }
    }
    process.exit(0);
  } catch (error) {
    replyError(error);
    process.exit(1);
  }
}

// The `postern` command. Without one it is the gateway, which loads nothing of the others, nor of what reads their options.

export async function main(args: readonly string[] = process.argv.slice(2)): Promise<void> {
  const [name, ...rest] = args
  if (name === undefined || (name === 'start' && rest.length === 0)) await (await import('../main.ts')).main()
  else await (await import('./commands.ts')).runCommand(args)
}

// Disks that a test can fill, cut off and take away: tmpfs of a size, and ext4 on a loop image. Needs root.
import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** Why disks cannot be mounted here; undefined where they can. */
export function noMounts(): string | undefined {
  if (process.platform !== 'linux') return 'mounting a test disk needs Linux'
  if (process.getuid?.() !== 0) return 'mounting a test disk needs root'
  const disks = new Disks()
  try {
    disks.loop(8)
    return undefined
  } catch (error) {
    return `a test disk cannot be mounted here: ${String((error as Error).message).trim()}`
  } finally {
    disks.clear()
  }
}

export interface LoopDisk {
  readonly folder: string
  /** A copy of what is on the disk at this moment, as a power cut would leave it. */
  snapshot(): Promise<string>
  unmount(): void
}

/** What one test mounts; all of it is unmounted by `clear`. */
export class Disks {
  readonly #root = mkdtempSync(join(tmpdir(), 'postern-disk-'))
  readonly #mounted = new Set<string>()
  #count = 0

  /** A new folder on the machine's own disk. */
  folder(): string {
    const folder = join(this.#root, String(++this.#count))
    mkdirSync(folder)
    return folder
  }

  /** A file system in memory of so many bytes. */
  memory(bytes: number): string {
    const folder = this.folder()
    this.mount('-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder)
    return folder
  }

  /** A new ext4, or the one that `image` holds. */
  loop(megabytes: number, image?: string): LoopDisk {
    const folder = this.folder()
    const file = image ?? `${folder}.img`
    if (image === undefined) {
      writeFileSync(file, '')
      truncateSync(file, megabytes * 1024 * 1024)
      execFileSync('mkfs.ext4', ['-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0', file])
    }
    // Only what is flushed may reach the image: ext4's own commit every 5 s would do a power cut a favour.
    this.mount('-o', 'loop,commit=300', file, folder)
    return {
      folder,
      snapshot: () => this.#snapshot(folder, file),
      unmount: () => this.unmount(folder),
    }
  }

  /** `mount` with these arguments; the last one is the folder. */
  mount(...args: string[]): void {
    execFileSync('mount', args, { stdio: 'pipe' })
    if (!args.includes('remount') && !args.some(arg => arg.startsWith('remount,'))) this.#mounted.add(args.at(-1)!)
  }

  unmount(folder: string): void {
    execFileSync('umount', [folder], { stdio: 'pipe' })
    this.#mounted.delete(folder)
  }

  /** Unmounts everything, detaches the loop devices (the kernel does, with the last mount) and removes the images. */
  clear(): void {
    for (const folder of [...this.#mounted].reverse()) {
      try {
        this.unmount(folder)
      } catch {
        execFileSync('umount', ['--lazy', folder], { stdio: 'pipe' })
      }
    }
    this.#mounted.clear()
    rmSync(this.#root, { recursive: true, force: true })
  }

  async #snapshot(folder: string, file: string): Promise<string> {
    const copy = `${join(this.#root, String(++this.#count))}.img`
    const device = deviceOf(folder)
    // A copy is the disk of one moment only if nothing was written while it was made.
    for (;;) {
      const before = readFileSync(`/sys/block/${device}/stat`, 'utf8')
      await execute('cp', ['--sparse=always', file, copy])
      if (readFileSync(`/sys/block/${device}/stat`, 'utf8') === before) return copy
    }
  }
}

function deviceOf(folder: string): string {
  const line = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .find(mount => mount.split(' ')[1] === folder)
  if (line === undefined) throw new Error(`${folder} is not mounted`)
  return basename(line.split(' ')[0]!)
}

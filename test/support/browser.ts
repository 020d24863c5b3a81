// A real Chromium, from the packages alone; what a page asked for and complained of is kept.
import chromium from '@sparticuz/chromium'
import { type Browser, type Page, chromium as playwright } from 'playwright-core'

const quiet = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export interface WatchedPage {
  page: Page
  /** The URLs that were asked for. */
  requested: string[]
  /** Errors, and what the page's policy kept it from. */
  complaints: string[]
}

export async function startBrowser(): Promise<Browser> {
  const executablePath = await chromium.executablePath()
  return playwright.launch({ executablePath, args: [...chromium.args, ...quiet], headless: true })
}

export async function watchedPage(browser: Browser): Promise<WatchedPage> {
  const page = await browser.newPage()
  const requested: string[] = []
  const complaints: string[] = []
  page.on('request', request => requested.push(request.url()))
  page.on('pageerror', error => complaints.push(error.message))
  page.on('console', message => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  return { page, requested, complaints }
}

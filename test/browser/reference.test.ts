// The reference page as a reader's browser has it: whole, styled, linked, and asking nobody else for anything.
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { apiDocument, definitions } from '../support/api-document.ts'
import { startBrowser, watchedPage } from '../support/browser.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { plain } from '../support/plain-adapter.ts'

let gateway: TestGateway
let browser: Browser
beforeAll(async () => {
  gateway = await startTestGateway({ config: { sources: { plain: plain() } } })
  browser = await startBrowser()
})
afterAll(async () => {
  await browser?.close()
  await gateway?.close()
})

test('the reference shows every operation and every schema, and loads nothing beside itself', async () => {
  const { page, requested, complaints } = await watchedPage(browser)
  const response = await page.goto(`${gateway.gateway.adminUrl}/reference`)
  expect(response?.status()).toBe(200)
  expect(requested).toEqual([`${gateway.gateway.adminUrl}/reference`])
  expect(complaints).toEqual([])

  const headings = await page.locator('main section h3').allInnerTexts()
  const operations = definitions.map(({ method, path }) => `${method.toUpperCase()} /api/v1${path}`)
  expect(headings.toSorted()).toEqual([...operations, ...Object.keys(apiDocument.components.schemas)].toSorted())
  for (const { name, summary, scope } of definitions) {
    const text = await page.locator(`section#${name}`).innerText()
    expect(text.replaceAll('`', '')).toContain(summary.replaceAll('`', ''))
    expect(text).toContain(scope === null ? 'takes no token' : `scope ${scope}`)
    expect(text).toMatch(/Answers\s+2\d\d /)
  }
  // Its own styles are let through by the policy.
  expect(await page.evaluate("getComputedStyle(document.querySelector('nav')).position")).toBe('sticky')

  // Every link within the page leads somewhere.
  const dead = `[...document.querySelectorAll('a[href^="#"]')].map(({ hash }) => hash.slice(1))
    .filter(id => document.getElementById(id) === null)`
  expect(await page.evaluate(dead)).toEqual([])
  // What is folded up opens without a script.
  const list = page.locator('section#listEvents')
  await list.getByText('Example', { exact: true }).click()
  expect(await list.locator('pre').first().innerText()).toContain('"specversion": "1.0"')
  // On a telephone nothing is cut off at its side.
  await page.setViewportSize({ width: 380, height: 800 })
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(380)
})

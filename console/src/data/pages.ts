// Lists that the API gives in pages, read to the end, up to a bound.
const PAGES_MAX = 20

interface Answer<Item> { data: Item[], links: { next?: { href?: string | undefined } | undefined } }

export async function allPages<Item> (
  load: (next: URLSearchParams | undefined) => Promise<Answer<Item>>
): Promise<Item[]> {
  const items: Item[] = []
  let next: URLSearchParams | undefined
  for (let i = 0; i < PAGES_MAX; i++) {
    const page: Answer<Item> = await load(next)
    items.push(...page.data)
    const href = page.links.next?.href
    if (!href) break
    next = new URL(href, location.origin).searchParams
  }
  return items
}

// As much of a browser as signing in needs: cookies by origin, redirects one by one.
export class Browser {
  #cookies = new Map() // Origin to a map of names and values.

  cookie (origin, name) {
    return this.#cookies.get(new URL(origin).origin)?.get(name)
  }

  setCookie (origin, name, value) {
    const jar = this.#cookies.get(new URL(origin).origin) ?? new Map()
    this.#cookies.set(new URL(origin).origin, jar.set(name, value))
  }

  // One request; redirects are not followed.
  async request (url, { method = 'GET', headers = {}, body } = {}) {
    const { origin } = new URL(url)
    const jar = this.#cookies.get(origin) ?? new Map()
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(url, { method, body, redirect: 'manual', headers: { ...headers, ...(cookie && { cookie }) } })
    for (const line of response.headers.getSetCookie()) {
      const [pair, ...attributes] = line.split(';').map(part => part.trim())
      const equals = pair.indexOf('=')
      const gone = attributes.some(one => /^max-age=0$/i.test(one) || /^expires=.*1970/i.test(one))
      if (gone) jar.delete(pair.slice(0, equals))
      else jar.set(pair.slice(0, equals), pair.slice(equals + 1))
    }
    this.#cookies.set(origin, jar)
    return response
  }

  // Follows redirects, at most twenty, until there is none or `stop(url)` says so. Returns the last
  // answer and the URLs that were gone to.
  async go (url, options = {}, stop = () => false) {
    const visited = [url]
    let response = await this.request(url, options)
    while (response.status >= 300 && response.status < 400 && visited.length < 20) {
      const next = new URL(response.headers.get('location'), visited.at(-1)).href
      visited.push(next)
      if (stop(next)) break
      response = await this.request(next)
    }
    return { response, visited, url: visited.at(-1) }
  }
}

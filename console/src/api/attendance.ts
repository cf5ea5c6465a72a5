// Whether somebody is at the page. What a page asks for by itself must not keep its session alive.
const LEFT_AFTER_MS = 60_000
let touchedAt = performance.now()

for (const sign of ['pointerdown', 'pointermove', 'wheel', 'keydown']) {
  window.addEventListener(sign, () => { touchedAt = performance.now() }, { capture: true, passive: true })
}

export function isLeftAlone (): boolean { return performance.now() - touchedAt > LEFT_AFTER_MS }

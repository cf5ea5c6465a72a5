import { useEffect, useState } from 'react'
import { Button as AriaButton } from 'react-aria-components'
import { Check, Copy } from 'lucide-react'
import { Button } from './controls'
import { Icon } from './icon'
import { announce } from './toast'

const SHOWN_MS = 2000

// The clipboard is out of reach on plain HTTP: then a selection is copied as of old.
async function copyText (text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    const area = document.createElement('textarea')
    area.value = text
    area.className = 'visually-hidden'
    document.body.append(area)
    area.select()
    const copied = document.execCommand('copy')
    area.remove()
    return copied
  }
}

function useCopy (text: string): { copied: boolean, copy: () => void } {
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    if (!copied) return
    const timer = window.setTimeout(() => { setCopied(false) }, SHOWN_MS)
    return () => { window.clearTimeout(timer) }
  }, [copied])
  const copy = (): void => {
    void copyText(text).then(done => {
      setCopied(done)
      announce(done ? 'Copied.' : 'The browser did not allow to copy; select the text instead.', !done)
    })
  }
  return { copied, copy }
}

// `what` names it for a screen reader: "Copy key ARN".
export function CopyButton ({ text, what }: { text: string, what: string }) {
  const { copied, copy } = useCopy(text)
  return (
    <AriaButton className="copy-button" aria-label={`Copy ${what}`} onPress={copy}>
      <Icon of={copied ? Check : Copy} />
    </AriaButton>
  )
}

export function CopyLine ({ text, shown, what }: { text: string, shown?: string, what: string }) {
  return <span className="copy-line"><code>{shown ?? text}</code><CopyButton text={text} what={what} /></span>
}

export function CodeBlock ({ text, title }: { text: string, title: string }) {
  const { copied, copy } = useCopy(text)
  return (
    <div className="code">
      <div className="code-head">
        <span>{title}</span>
        <Button look="quiet" aria-label={`Copy ${title}`} onPress={copy}>
          <Icon of={copied ? Check : Copy} />{copied ? 'Copied' : 'Copy'}
        </Button>
      </div>
      <pre tabIndex={0} role="region" aria-label={title}><code>{text}</code></pre>
    </div>
  )
}

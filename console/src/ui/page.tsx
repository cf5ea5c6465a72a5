import { useEffect, useRef, type ReactNode } from 'react'
import { Link } from 'react-aria-components'
import { hasNavigated } from '../router'

interface PageProps {
  title: string
  lead?: ReactNode
  crumbs?: ReadonlyArray<{ label: string, href: string }>
  actions?: ReactNode
  children: ReactNode
}

// A page's frame. Focus goes to its heading when one came here by navigating.
export function Page ({ title, lead, crumbs = [], actions, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${title} · Tenantseal`
    if (hasNavigated()) heading.current?.focus({ preventScroll: true })
  }, [title])
  return (
    <div className="page">
      <header className="page-head">
        <div>
          {crumbs.length > 0 && (
            <nav aria-label="Breadcrumb" className="crumbs">
              {crumbs.map(crumb => <span key={crumb.href}><Link href={crumb.href}>{crumb.label}</Link> <span aria-hidden="true">/</span></span>)}
              <span aria-current="page">{title}</span>
            </nav>
          )}
          <h1 ref={heading} tabIndex={-1} className="break">{title}</h1>
          {lead && <p className="lead">{lead}</p>}
        </div>
        {actions && <div className="row">{actions}</div>}
      </header>
      {children}
    </div>
  )
}

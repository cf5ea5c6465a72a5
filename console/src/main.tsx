import { createRoot } from 'react-dom/client'
import { App } from './app'
import './styles/tokens.css'
import './styles/base.css'
import './styles/controls.css'
import './styles/content.css'
import './styles/shell.css'
import './styles/encryption.css'
import './styles/events.css'

const root = document.getElementById('root')
if (root !== null) createRoot(root).render(<App />)

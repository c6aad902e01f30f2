import { render } from 'solid-js/web';
import { App } from './App';
import { paint } from './theme';
import './style.css';

const place = document.getElementById('page');
if (!place) throw new Error('the page has no place to be drawn in');
paint();
render(() => <App />, place);

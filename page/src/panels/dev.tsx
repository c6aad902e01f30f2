/** The panels alone, for their tests; the product is built without it. */

import { render } from 'solid-js/web';
import '../style.css';
import { Panels } from './Panels';

const place = document.getElementById('page');
if (place) render(() => [<h1 class="unseen">lineside</h1>, <Panels />], place);

import { render } from 'solid-js/web';

function Page() {
  return <main>lineside</main>;
}

const place = document.getElementById('page');
if (place) render(() => <Page />, place);

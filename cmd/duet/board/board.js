// The board's page. The server draws; this fetches the parts of the page anew when the stream of events says that
// something has changed, and lets values be read, the axis zoomed and curves smoothed. Names are set as texts only.
'use strict';

const query = new URLSearchParams(location.search); // what is looked at: the server's view
const saved = 'saved' in document.body.dataset;
const byId = id => document.getElementById(id);
let dragged = null; // {svg, data, from, to, box} while a part of an axis is chosen

// refresh fetches parts, once more if something changes meanwhile.
let busy = false, again = false;
async function refresh() {
	if (saved) return;
	if (busy || dragged) { again = true; return; }
	busy = true;
	again = false;
	try {
		await Promise.all([...document.querySelectorAll('[data-part]')].map(fetchPart));
	} catch { again = true; } // the server is away; the next event finds it again
	busy = false;
	if (again) setTimeout(refresh, 500);
}

async function fetchPart(part) {
	const answer = await fetch(`/part/${part.dataset.part}?${query}`);
	const html = await answer.text();
	if (!answer.ok || html === part.shown || dragged) return;
	const focus = part.contains(document.activeElement) && document.activeElement.id;
	const scrolled = part.querySelector('pre')?.scrollTop;
	part.innerHTML = part.shown = html; // escaped by the server; the page's policy lets no script in it run
	if (focus) byId(focus)?.focus();
	const log = part.querySelector('pre');
	if (log) log.scrollTop = scrolled ?? log.scrollHeight;
	if (part.dataset.part === 'curves') read(pointer);
}

// look changes what is looked at.
function look(key, values) {
	query.delete(key);
	for (const one of values) query.append(key, one);
	history.replaceState(null, '', `?${query}`);
	if (byId('whole')) byId('whole').hidden = !query.has('to');
	refresh();
}

function checked(name) {
	return [...document.querySelectorAll(`input[name=${name}]:checked`)].map(one => one.value);
}

document.addEventListener('input', ({target}) => {
	if (target.name === 'run' || target.name === 'of') look(target.name, checked(target.name));
	if (target.name === 'smooth') look(target.name, [target.value]);
	if (target.name === 'by') { query.delete('from'); query.delete('to'); look(target.name, [target.value]); }
});

document.addEventListener('click', ({target}) => {
	const button = target.closest('button');
	if (button?.name === 'show') look('show', [button.value]);
	if (button?.id === 'whole') { query.delete('from'); look('to', []); }
});

// Reading values.

let pointer = null; // the last event over a chart

// chartAt is the chart at an event, and where on its axis that is.
function chartAt(event) {
	const svg = document.elementFromPoint(event.clientX, event.clientY)?.closest('figure svg');
	if (!svg) return null;
	svg.data ??= JSON.parse(svg.parentElement.querySelector('script').textContent);
	const f = svg.data.Frame, box = svg.getBoundingClientRect();
	const across = (event.clientX - box.left) / box.width * f.Width;
	const part = Math.min(Math.max((across - f.Left) / (f.Right - f.Left), 0), 1);
	return {svg, data: svg.data, part, x: f.X[0] + part * (f.X[1] - f.X[0])};
}

// nearest is the index of the number in an ascending array that is nearest to x.
function nearest(all, x) {
	let low = 0, high = all.length - 1;
	while (high - low > 1) {
		const middle = (low + high) >> 1;
		if (all[middle] < x) low = middle; else high = middle;
	}
	return Math.abs(all[low] - x) <= Math.abs(all[high] - x) ? low : high;
}

function read(event) {
	pointer = event;
	const values = byId('values'), chart = event && chartAt(event);
	values.hidden = !chart || !chart.data.Curves;
	if (values.hidden) return;
	const number = x => String(Number(x.toPrecision(5)));
	values.replaceChildren(`${chart.data.By} ${chart.data.By === 'step' ? Math.round(chart.x) : number(chart.x)}`);
	for (const curve of chart.data.Curves.slice(0, 20)) {
		const i = nearest(curve.X, chart.x), line = document.createElement('div'), key = document.createElement('i');
		key.style.background = curve.Colour;
		line.append(key, `${curve.Name}  ${number(curve.Y[i])}`);
		values.append(line);
	}
	const left = event.clientX + 18 + values.offsetWidth > innerWidth;
	values.style.left = `${left ? event.clientX - 18 - values.offsetWidth : event.clientX + 18}px`;
	values.style.top = `${Math.min(event.clientY + 12, innerHeight - values.offsetHeight - 4)}px`;
}

document.addEventListener('pointermove', event => {
	if (event.target.closest?.('figure svg') || !byId('values').hidden) read(event);
	if (!dragged) return;
	const chart = chartAt(event);
	if (chart?.svg !== dragged.svg) return;
	dragged.to = chart;
	const f = chart.data.Frame, unit = chart.svg.viewBox.baseVal.width / f.Width;
	const [a, b] = [dragged.from.part, chart.part].sort((x, y) => x - y);
	const wide = f.Right - f.Left;
	const place = {x: f.Left + a * wide, y: f.Top, width: (b - a) * wide, height: f.Bottom - f.Top};
	for (const [name, value] of Object.entries(place)) dragged.box.setAttribute(name, value * unit);
});

// Zooming.

document.addEventListener('pointerdown', event => {
	const chart = !saved && event.button === 0 && event.target.closest('figure svg') && chartAt(event);
	if (!chart) return;
	const box = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
	box.setAttribute('fill', '#1f77b4');
	box.setAttribute('fill-opacity', '0.15');
	chart.svg.append(box);
	dragged = {svg: chart.svg, from: chart, to: chart, box};
});

document.addEventListener('pointerup', () => {
	if (!dragged) return;
	const {from, to, box} = dragged;
	box.remove();
	dragged = null;
	if (Math.abs(to.part - from.part) < 0.01) { if (again) refresh(); return; }
	query.set('from', Math.min(from.x, to.x));
	look('to', [Math.max(from.x, to.x)]);
});

// Trying an image.

async function tryImage(file) {
	const said = byId('guesses'), canvas = document.querySelector('#try canvas');
	said.textContent = 'classifying…';
	canvas.hidden = true;
	try {
		const image = await createImageBitmap(file);
		canvas.height = Math.max(1, Math.round(canvas.width * image.height / image.width));
		canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
		canvas.hidden = false;
	} catch { } // what this browser cannot show the server may still read
	const shown = document.querySelector('tr.shown button')?.value ?? '';
	try {
		const answer = await fetch(`/predict?run=${encodeURIComponent(shown)}`, {method: 'POST', body: file});
		const text = await answer.text();
		if (answer.ok) said.innerHTML = text; else said.textContent = text; // a page of the server's, or what went wrong
	} catch (error) { said.textContent = String(error); }
}

const drop = document.querySelector('.drop');
if (drop) {
	const over = on => event => { event.preventDefault(); drop.classList.toggle('over', on); };
	addEventListener('dragover', over(true));
	addEventListener('dragleave', over(false));
	addEventListener('drop', event => {
		over(false)(event);
		if (event.dataTransfer.files.length) tryImage(event.dataTransfer.files[0]);
	});
	drop.querySelector('input').addEventListener('change', ({target}) => target.files.length && tryImage(target.files[0]));
}

// The stream of events. The browser opens it again by itself, with the id of the last one.
if (!saved) {
	const live = byId('live'), stream = new EventSource(`/events?id=${document.body.dataset.id}`);
	stream.addEventListener('open', () => { live.textContent = 'live'; });
	stream.addEventListener('error', () => { live.textContent = 'the board is away, trying again'; });
	stream.addEventListener('message', refresh);
	byId('whole').hidden = !query.has('to');
}

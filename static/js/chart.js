// Reading the balance chart with a pointer.

export function start() {
  document.addEventListener('pointermove', ({ target, clientX }) => {
    const chart = target.closest?.('[data-chart]');
    if (chart) read(chart, clientX);
  });
}

function read(chart, clientX) {
  const box = chart.querySelector('svg').getBoundingClientRect();
  const points = chart.querySelectorAll('[data-chart-points] li');
  const share = Math.min(1, Math.max(0, (clientX - box.left) / box.width));
  const point = points[Math.round(share * (points.length - 1))];
  const cursor = chart.querySelector('[data-chart-cursor]');
  cursor.removeAttribute('visibility');
  cursor.setAttribute('x1', point.dataset.x);
  cursor.setAttribute('x2', point.dataset.x);
  chart.querySelector('[data-chart-day]').textContent = point.dataset.day;
  chart.querySelector('[data-chart-balance]').textContent = point.textContent;
}

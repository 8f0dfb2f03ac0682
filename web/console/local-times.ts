/**
 * Shows every `<time data-local>` in the reader's own time zone and habit; without it they read in UTC.
 * Counterpart: `pages.when` in the console. It never changes the machine-readable moment.
 */
const format = new Intl.DateTimeFormat(document.documentElement.lang, {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

for (const time of document.querySelectorAll<HTMLTimeElement>("time[data-local]")) {
  const moment = new Date(time.dateTime);
  time.title = time.textContent?.trim() ?? "";
  time.textContent = format.format(moment);
}

export {};

// What was dropped, with the folders in it: [{path, file}], or the path of an empty folder
// without a file. Folders can be had as entries only.
export async function dropped(transfer) {
  const entries = [...transfer.items].map((i) => i.webkitGetAsEntry?.()).filter(Boolean);
  if (entries.length === 0) return [...transfer.files].map((file) => ({ path: file.name, file }));
  const found = [];
  for (const e of entries) await walk(e, "", found);
  return found;
}

async function walk(entry, before, found) {
  const path = before + entry.name;
  if (entry.isFile) {
    found.push({ path, file: await new Promise((resolve, reject) => entry.file(resolve, reject)) });
    return;
  }
  found.push({ path });
  const reader = entry.createReader();
  for (;;) { // a reader gives some at a time
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return;
    for (const e of some) await walk(e, `${path}/`, found);
  }
}

// picked is what a picker gives: files, or those of a folder.
export function picked(files) {
  const found = [];
  const folders = new Set();
  for (const file of files) {
    const path = file.webkitRelativePath || file.name;
    const parts = path.split("/").slice(0, -1);
    parts.forEach((_, i) => folders.add(parts.slice(0, i + 1).join("/")));
    found.push({ path, file });
  }
  return [...[...folders].map((path) => ({ path })), ...found];
}

// How long a test waits for something that has to happen, in milliseconds.
// Only a failing test waits so long.
export const patience = 20_000;

// within fails with these words when the work takes longer than that.
export async function within(milliseconds, words, work) {
  let timer;
  const tooLate = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(words)), milliseconds);
  });
  try {
    return await Promise.race([work(), tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

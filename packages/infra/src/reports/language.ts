/** The languages that the generated pages of the documentation exist in. */
export type Language = 'english' | 'portuguese';

/** A number as a page of that language writes it, given with a decimal point. */
export function decimalIn(language: Language, number: string): string {
  return language === 'english' ? number : number.replace('.', ',');
}

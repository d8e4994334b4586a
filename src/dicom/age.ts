const UNIT_YEARS: Readonly<Record<string, number>> = { D: 1 / 365.25, W: 7 / 365.25, M: 1 / 12, Y: 1 };

/**
 * PatientAge (0010,1010) in whole years, PS3.5 section 6.2 (AS): `052Y`, `018M`, `003W`, `012D`. No years are what
 * anonymisers leave: an infant's age is told in months, weeks or days.
 */
function fromAgeString(age: string | null): number | null {
  const match = age === null ? null : /^(\d{1,3})([DWMY])$/.exec(age.trim());
  if (match === null) return null;
  const [, count, unit] = match;
  return unit === 'Y' && Number(count) === 0 ? null : Math.floor(Number(count) * UNIT_YEARS[unit!]!);
}

function yearMonthDay(date: string | null): [number, number, number] | null {
  const match = date === null ? null : /^(\d{4})[.-]?(\d{2})[.-]?(\d{2})$/.exec(date.trim());
  if (match === null) return null;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  return year >= 1880 && month >= 1 && month <= 12 && day >= 1 && day <= 31 ? [year, month, day] : null;
}

function fromDates(birthDate: string | null, studyDate: string | null): number | null {
  const birth = yearMonthDay(birthDate);
  const study = yearMonthDay(studyDate);
  if (birth === null || study === null) return null;
  const hadBirthday = study[1] > birth[1] || (study[1] === birth[1] && study[2] >= birth[2]);
  const years = study[0] - birth[0] - (hadBirthday ? 0 : 1);
  return years >= 0 && years <= 130 ? years : null;
}

/** Age at the study in whole years; PatientAge first, else the dates; null where neither can be read. */
export const ageInYears = (age: string | null, birthDate: string | null, studyDate: string | null): number | null =>
  fromAgeString(age) ?? fromDates(birthDate, studyDate);

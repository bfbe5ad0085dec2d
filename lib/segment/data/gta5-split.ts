import { inflateSync } from 'node:zlib';

// A byte for each of the 24,966 images in turn, deflated: 0 of train, 1 of val, 2 of test. Of RobustNet's lists; what is in none
// of them is of train.
const SPLITS = [
  'eNrtXIt2wyAIVf7/o9cuaRYTRN7arpytZ2uiQR4XRE0pL4InbX/WWh8fv18dl59f/n69f26X6vb148ZaFqGKE2xU4CC05at5',
  'ef7Qj9hFcZLe9QkY7W3ZzMsFQIzwotJ7q5aLO99X1roPwjnvPfzKgIpwRkHXb73L4HoNUS6qwsG4T4IBpZ6RIcKALELusMJg',
  'UUnnjqqIKETAHY17H2ovDHHL+zaBgZFYysl6mlDtn05yL+K3njYU/2ET0Wsd3WToQQ6cb2b2NYN2Ueo5cMt3NCo3daQYsLOV',
  'sn1MnExpvNjF6XLdOsAXOowI8TkNb/vNVpFj8XNSkSoKx6wHkDY7ho5muVOifVJ8Hfukgmx5iSrJsTtKqvbDkjYIIaZrU9DM',
  'thIzU+01CHEYE0RH43x8YImqE/mhXJCEpwdz8IaC/1X+sOhUOoEBV+hm3ZcfMNarfoy5Wqa4wk47eEHPYUz733m1HW5GwIVP',
  'gxSo0Q4euy39/S1gMYTd9OGUKA8E3Vtga4c3t8Rpt7yuNERxmKkJISLg6goAG7wLkDQVTe3UBXV/8owjdWX6nJFMX0aAzyGx',
  '/VQiHrxJTTlaz3qr0pliMyxfj5i+amswF0cZFLxCBPd/C8fRoAFkbiEU7hpRDojWdpsEnkXJWeOnfMdHs5hoYdBi+/DBy9mR',
  'c8rinfezYuOXTS9LhaycXMwZ5t8rnVtvl8nMNL18aaItLKafLlYvl+0ZLXuxoM2bZcBKIKZsSdTOphTYv/Sld1tqXD/WzxgI',
  'TEC4JWp6qazJ5UFOPmw5tFs1ZNhtVxIem6AjPTfntICvfXHOPH4MlQhgxpL4z1wt0bvHvEUIazksSWH56cb8/Cbg6ILLCYXh',
  'iWBHyYRlCUwenQ7frlDrcq+OT98H4SwZcGUxwqZTxe1r1twHKaPF2NAzQFdmDl7q9VCn9kzF9oqU8DwmJGh2LSkCd95o+aNr',
  'DeNcUq1epqCdgoRKGRN2+wQgQWZ2krEV35U3ia35yU/e01XT4+aNfXTGZ1Gqj2nIujA74pRdjRIexgLMr3jEJFG2LuNmRuKi',
  'M7aH5qQaWqPdK4Xa5i/U0G1whIUh8kF7w+dTE47z4dYhXr5pxdkxhmYlWTNVwaqvLWeHnKzAQ5s5xbYy5xDoNmu2H9C/+qVw',
  'Ky31ArnvkGVhUpd0khEwTIz0it0vjt3GveYnSBP6A4LkDEj+m4ly7ZkdeiPLiPa8QDsBYmVmrJOUbdw4wu72y1+v3UN2oVm5',
  'bbHNytDQOO+3F+EqyLabkf0oRyOXUG0qWaV9Re5DGfhrb4t+6UNhw6qMkeWCBtNhVGqY85VCFhdf4aeiOotaeBze5/xQHCB5',
  '3q3A4fg0pIpyVTI4eM/GMzYapBSz2Pjvcc5k+AJgMsgOmVRDpU2xVrQOraWK++1O+05hvhfPbumul1cUwUst5YnN9Zp7AV4E',
  '3h1glQzHI9PxwjHS4GSe+gPnfUk5',
];

const NAMES = ['train', 'val', 'test'] as const;

/** A part of GTA5. */
export type Gta5Split = (typeof NAMES)[number];

/** Numbers of the images of a part of the official split, from 1. */
export function gta5Numbers(split: Gta5Split): number[] {
  const bytes = inflateSync(Buffer.from(SPLITS.join(''), 'base64'));
  const wanted = NAMES.indexOf(split);
  return [...bytes].flatMap((of, index) => (of === wanted ? [index + 1] : []));
}

/** Images of train that RobustNet's list has not. */
export const ROBUSTNET_LEFT_OUT: readonly number[] = [
  12160, 12166, 12167, 12191, 12192, 12193, 12195, 12202, 12203, 12204, 12205, 12206, 12207, 12208, 19993,
];

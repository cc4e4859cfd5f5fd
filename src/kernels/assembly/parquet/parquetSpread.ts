// Values of the rows that are there, which stand together in a Parquet page, at the rows that they belong to.
//
// `valid`: one byte a row, 1 or 0; address 0 where every row is there. One value behind the last may be read, and a place behind the last, which has
// to be 0.

/** Row by row the next value of type `S`, as one of type `T`; `none` where the row is not there. */
@inline
function spread<S, T>(values: usize, valid: usize, rows: usize, none: T, to: usize): void {
  let at = values;
  for (let i: usize = 0; i < rows; i++) {
    const isThere = valid == 0 ? <usize>1 : <usize>load<u8>(valid + i);
    store<T>(to + i * sizeof<T>(), isThere != 0 ? <T>load<S>(at) : none);
    at += isThere * sizeof<S>();
  }
}

export function spread8(values: usize, valid: usize, rows: usize, to: usize): void {
  spread<u8, u8>(values, valid, rows, 0, to);
}
export function spread16(values: usize, valid: usize, rows: usize, to: usize): void {
  spread<u16, u16>(values, valid, rows, 0, to);
}
export function spread32(values: usize, valid: usize, rows: usize, to: usize): void {
  spread<u32, u32>(values, valid, rows, 0, to);
}
export function spread64(values: usize, valid: usize, rows: usize, to: usize): void {
  spread<u64, u64>(values, valid, rows, 0, to);
}
export function spread128(values: usize, valid: usize, rows: usize, to: usize): void {
  let at = values;
  for (let i: usize = 0; i < rows; i++) {
    const isThere = <usize>load<u8>(valid + i);
    v128.store(to + (i << 4), isThere != 0 ? v128.load(at) : i64x2.splat(0));
    at += isThere << 4;
  }
}

/** Places, as words, as codes of 8 and 16 bits; `none` for rows that are not there. */
export function codes8(places: usize, valid: usize, rows: usize, none: u32, to: usize): void {
  if (valid == 0) spread<u32, u8>(places, 0, rows, 0, to);
  else spread<u32, u8>(places, valid, rows, <u8>none, to);
}
export function codes16(places: usize, valid: usize, rows: usize, none: u32, to: usize): void {
  if (valid == 0) spread<u32, u16>(places, 0, rows, 0, to);
  else spread<u32, u16>(places, valid, rows, <u16>none, to);
}

/** Row by row the value at the next place in a dictionary; 0 where the row is not there. */
@inline
function look<T>(places: usize, valid: usize, rows: usize, dictionary: usize, to: usize): void {
  if (valid == 0) {
    for (let i: usize = 0; i < rows; i++) {
      store<T>(to + i * sizeof<T>(), load<T>(dictionary + <usize>load<u32>(places + (i << 2)) * sizeof<T>()));
    }
    return;
  }
  for (let i: usize = 0; i < rows; i++) {
    const isThere = <usize>load<u8>(valid + i);
    const value = load<T>(dictionary + <usize>load<u32>(places) * sizeof<T>());
    store<T>(to + i * sizeof<T>(), isThere != 0 ? value : 0);
    places += isThere << 2;
  }
}

export function look8(places: usize, valid: usize, rows: usize, dictionary: usize, to: usize): void {
  look<u8>(places, valid, rows, dictionary, to);
}
export function look16(places: usize, valid: usize, rows: usize, dictionary: usize, to: usize): void {
  look<u16>(places, valid, rows, dictionary, to);
}
export function look32(places: usize, valid: usize, rows: usize, dictionary: usize, to: usize): void {
  look<u32>(places, valid, rows, dictionary, to);
}
export function look64(places: usize, valid: usize, rows: usize, dictionary: usize, to: usize): void {
  look<u64>(places, valid, rows, dictionary, to);
}
export function look128(places: usize, valid: usize, rows: usize, dictionary: usize, to: usize): void {
  let at = places;
  for (let i: usize = 0; i < rows; i++) {
    const isThere = valid == 0 ? <usize>1 : <usize>load<u8>(valid + i);
    const value = v128.load(dictionary + (<usize>load<u32>(at) << 4));
    v128.store(to + (i << 4), isThere != 0 ? value : i64x2.splat(0));
    at += isThere << 2;
  }
}

"""All fruits with their colours."""

from tools.artwork.fruits import (
    Fruit,
    apple,
    apple_half,
    blueberry,
    bramble,
    bunch,
    cherries,
    cut_fruit,
    elderflower,
    flower,
    fruit_of,
    gooseberry,
    pear,
    pear_half,
    quince,
    rhubarb,
    stone_fruit,
    stone_fruit_half,
    strawberry,
    walnut,
    walnut_half,
)

CREAM, CORE = "#fbf0cf", "#f0dba4"

FRUITS: dict[str, Fruit] = {
    "gala": cut_fruit(
        apple,
        apple_half,
        ("#d9492f", "#b93721", "#f3b552"),
        (CREAM, CORE),
        "#e2b04a",
        "#e0b45c",
        "#f9e3c8",
        stripes=True,
    ),
    "boskoop": cut_fruit(
        apple, apple_half, ("#b08d3f", "#8f6f2c", "#b4583a"), (CREAM, CORE), "#d79a3a", "#dcb25a", "#efe4c4"
    ),
    "elstar": cut_fruit(
        apple, apple_half, ("#e0563a", "#c23f28", "#f7cf58"), (CREAM, CORE), "#ecc765", "#e8c169", "#fbe9c0"
    ),
    "golden": cut_fruit(
        apple, apple_half, ("#e9c54c", "#cfa335", "#f6e08a"), (CREAM, CORE), "#f0d47c", "#ecd07a", "#e6edcf"
    ),
    "granny": cut_fruit(
        apple, apple_half, ("#8fbd42", "#6f9c2e", "#b2d766"), ("#f6f6d8", "#dfe7ae"), "#d9d77a", "#cfd27c", "#f8ead0"
    ),
    "redheart": cut_fruit(
        apple, apple_half, ("#a8232e", "#811722", "#c94a50"), ("#f3a1a0", "#e06c70"), "#d8565c", "#d8565c", "#f7dcd2"
    ),
    "conference": cut_fruit(
        pear, pear_half, ("#a8a54c", "#878535", "#c09a55"), (CREAM, CORE), "#d8bd62", "#d9c070", "#f4ead0", slender=True
    ),
    "williams": cut_fruit(
        pear, pear_half, ("#eccb4e", "#d0aa36", "#f6e28d"), (CREAM, CORE), "#eedb8a", "#e9d083", "#dfead2"
    ),
    "anjou": cut_fruit(
        pear, pear_half, ("#9f333d", "#7d222c", "#bb5a60"), (CREAM, CORE), "#d9a08a", "#d9a08a", "#f6e2d6"
    ),
    "cherry": fruit_of(cherries, "#7b1328", "#5c0a1b", juice="#8c1a30", jam="#7b1328", tint="#f8ddd8"),
    "morello": fruit_of(cherries, "#c9202f", "#a01322", juice="#a8182c", jam="#b01c2e", tint="#e9eed6"),
    "plum": cut_fruit(
        stone_fruit,
        stone_fruit_half,
        ("#5b2a52", "#421b3b", "#7a4670"),
        ("#eeb04e", "#a06a3a"),
        "#6c2747",
        "#5f2348",
        "#ecdfe6",
        (40, 45),
    ),
    "damson": cut_fruit(
        stone_fruit,
        stone_fruit_half,
        ("#3f4a86", "#2c3566", "#6470ac"),
        ("#d8b24e", "#9a6c3c"),
        "#572a52",
        "#43204a",
        "#e2e4ee",
        (34, 45),
    ),
    "mirabelle": cut_fruit(
        stone_fruit,
        stone_fruit_half,
        ("#efbf3f", "#d0962a", "#f8dc84"),
        ("#f9dd86", "#b98b56"),
        "#efc45a",
        "#eab63c",
        "#e9eed2",
    ),
    "greengage": cut_fruit(
        stone_fruit,
        stone_fruit_half,
        ("#a3ba4c", "#7f9736", "#cbd678"),
        ("#e6e38e", "#b08a4a"),
        "#c9cf72",
        "#b9bf58",
        "#f9ecc9",
    ),
    "apricot": cut_fruit(
        stone_fruit,
        stone_fruit_half,
        ("#f0953c", "#cf6d24", "#f6b768"),
        ("#fbb75a", "#8c5a30"),
        "#f0a347",
        "#ee9130",
        "#fdeccd",
    ),
    "peach": cut_fruit(
        stone_fruit,
        stone_fruit_half,
        ("#c9848c", "#9c4f5c", "#e7b3a4"),
        ("#b82f48", "#7a4a34"),
        "#d8607a",
        "#b9304c",
        "#f8e4dc",
        (46, 45),
    ),
    "quince": fruit_of(quince, "#e8c63e", "#cba52e", juice="#e6a04a", jam="#d9722e", tint="#e8ebd4"),
    "strawberry": fruit_of(strawberry, "#dd2f38", "#b81f2b", juice="#e0444c", jam="#cf2630", tint="#fbe4dc"),
    "raspberry": fruit_of(bramble, "#cf3560", "#ea7d9b", juice="#c62a55", jam="#b81f4c", tint="#f9e0e2"),
    "blackberry": fruit_of(bramble, "#3a2448", "#7a5c8c", juice="#4c2350", jam="#3d1c42", tint="#e9e2ea"),
    "blueberry": fruit_of(blueberry, "#5566a6", "#3f4d86", "#2c3768", juice="#4b3a78", jam="#3e3270", tint="#e3e8f0"),
    "redcurrant": fruit_of(bunch, "#dc2a34", "#a8141f", juice="#d2303c", jam="#cf2836", tint="#eaf0da"),
    "blackcurrant": fruit_of(bunch, "#372744", "#1f1429", juice="#3e1a3c", jam="#33163a", tint="#eee3ec"),
    "grape": fruit_of(bunch, "#6d2d5e", "#4d1c42", juice="#7c2448", jam="#6d2d5e", tint="#e7e6dc", size=13),
    "gooseberry": fruit_of(gooseberry, juice="#c7cf76", jam="#c97a62", tint="#eef1d8"),
    "walnut": Fruit(walnut, "#8f6638", "#8f6638", "#f3e6d0", walnut_half),
    "rhubarb": fruit_of(rhubarb, juice="#ec96a0", jam="#e0697a", tint="#fbe6e4"),
    "elderflower": fruit_of(elderflower, juice="#f0e3a2", jam="#f0e3a2", tint="#dfe9d4"),
    "blossom": fruit_of(flower, "#fbe3e2", "#e9b84a", juice="#efbe5e", jam="#efc36a", tint="#fbeecb"),
}
